use super::directory::Order;

/// A field to be written: its values already in the byte order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub tag: u16,
    pub kind: u16,
    pub count: u64,
    pub values: Vec<u8>,
}

/// How a file is to be laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub order: Order,
    /// BigTIFF, with 64-bit offsets.
    pub big: bool,
}

impl Layout {
    /// The lowest bytes of `value`, as many as `out` has.
    pub(super) fn put(self, value: u64, out: &mut [u8]) {
        let bytes = value.to_le_bytes();
        for (index, byte) in bytes[..out.len()].iter().enumerate() {
            let slot = match self.order {
                Order::Little => index,
                Order::Big => out.len() - 1 - index,
            };
            out[slot] = *byte;
        }
    }

    fn push(self, value: u64, len: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + len, 0);
        self.put(value, &mut out[start..]);
    }

    fn offset_bytes(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// Where, from the start of a directory of `n` entries, its link to the next one stands.
    pub(super) fn link_at(self, n: usize) -> usize {
        if self.big { 8 + 20 * n } else { 2 + 12 * n }
    }

    /// A directory that is to stand at byte `at`, followed by the values that do not fit into its entries. Entries are
    /// sorted, as the format demands.
    pub(super) fn directory(self, mut entries: Vec<Entry>, at: u64, next: u64) -> Vec<u8> {
        entries.sort_by_key(|entry| entry.tag);
        let size = self.offset_bytes();
        let mut head = Vec::new();
        let mut values: Vec<u8> = Vec::new();
        self.push(
            entries.len() as u64,
            if self.big { 8 } else { 2 },
            &mut head,
        );
        let values_at = at + (self.link_at(entries.len()) + size) as u64;
        for entry in &entries {
            self.push(entry.tag.into(), 2, &mut head);
            self.push(entry.kind.into(), 2, &mut head);
            self.push(entry.count, size, &mut head);
            if entry.values.len() <= size {
                head.extend_from_slice(&entry.values);
                head.resize(head.len() + size - entry.values.len(), 0);
            } else {
                // Values begin on even bytes.
                if values.len() % 2 == 1 {
                    values.push(0);
                }
                self.push(values_at + values.len() as u64, size, &mut head);
                values.extend_from_slice(&entry.values);
            }
        }
        self.push(next, size, &mut head);
        if values.len() % 2 == 1 {
            values.push(0);
        }
        head.extend_from_slice(&values);
        head
    }
}
