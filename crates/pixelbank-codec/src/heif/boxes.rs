//! Boxes within a description that is in memory, and the numbers in them.

/// A damaged description: what is wrong with it.
pub(super) type Damage = &'static str;

/// Reads numbers from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Damage> {
        let (front, rest) = self.0.split_at_checked(n).ok_or("a box ends early")?;
        self.0 = rest;
        Ok(front)
    }

    fn number(&mut self, bytes: usize) -> Result<u64, Damage> {
        let all = self.take(bytes)?.iter();
        Ok(all.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    pub fn u8(&mut self) -> Result<u8, Damage> {
        Ok(self.number(1)? as u8)
    }

    pub fn u16(&mut self) -> Result<u16, Damage> {
        Ok(self.number(2)? as u16)
    }

    pub fn u32(&mut self) -> Result<u32, Damage> {
        Ok(self.number(4)? as u32)
    }

    /// A number of 0, 4 or 8 bytes.
    pub fn sized(&mut self, bytes: u8) -> Result<u64, Damage> {
        match bytes {
            0 | 4 | 8 => self.number(usize::from(bytes)),
            _ => Err("a number is of a size that is none"),
        }
    }

    /// 16 bits, or 32 where they are `wide`.
    pub fn id(&mut self, wide: bool) -> Result<u32, Damage> {
        if wide {
            self.u32()
        } else {
            self.u16().map(u32::from)
        }
    }

    /// Version and flags, which full boxes begin with.
    pub fn version(&mut self) -> Result<(u8, u32), Damage> {
        let both = self.u32()?;
        Ok(((both >> 24) as u8, both & 0x00ff_ffff))
    }

    /// The bytes up to a zero, which is taken too.
    pub fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| byte == 0);
        let text = &self.0[..end.unwrap_or(self.0.len())];
        self.0 = end.map_or(&[], |end| &self.0[end + 1..]);
        text
    }

    /// The next box, its name and its content; `None` at the end.
    pub fn next_box(&mut self) -> Result<Option<([u8; 4], Bytes<'a>)>, Damage> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let short = self.u32()?;
        let kind = *self.take(4)?.first_chunk().ok_or("a box ends early")?;
        let content = match short {
            0 => self.0.len(),
            1 => usize::try_from(self.number(8)?)
                .ok()
                .and_then(|length| length.checked_sub(16))
                .ok_or("a box is shorter than its head")?,
            length => (length as usize)
                .checked_sub(8)
                .ok_or("a box is shorter than its head")?,
        };
        Ok(Some((kind, Bytes(self.take(content)?))))
    }
}
