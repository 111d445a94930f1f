use std::sync::LazyLock;

/// The light that an sRGB value stands for, both in 0 to 1.
pub(crate) fn decode_exact(encoded: f64) -> f64 {
    if encoded <= 0.040_45 {
        encoded / 12.92
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

/// Fractions of a power of two that a bucket spans: 2^-7.
const MANTISSA_BITS: u32 = 7;
/// Below 2^-13 every value rounds to 0.
const LOWEST_BITS: u32 = (127 - 13) << 23;
const ONE_BITS: u32 = 127 << 23;
const BUCKETS: usize = ((ONE_BITS - LOWEST_BITS) >> (23 - MANTISSA_BITS)) as usize;

/// Encodes by comparing with the values where the rounded code changes, which is exact; the bits of a floating-point
/// number say where to begin.
struct Encoder {
    /// The least light whose code is `i + 1`.
    steps: [f32; 255],
    /// The code of the least light in the bucket.
    start: [u8; BUCKETS],
}

static ENCODER: LazyLock<Encoder> = LazyLock::new(|| {
    let steps: [f32; 255] = std::array::from_fn(|i| decode_exact((i as f64 + 0.5) / 255.0) as f32);
    let start = std::array::from_fn(|bucket| {
        let least = f32::from_bits(LOWEST_BITS + ((bucket as u32) << (23 - MANTISSA_BITS)));
        steps.partition_point(|&step| step <= least) as u8
    });
    Encoder { steps, start }
});

/// Encodes light for a display: clamped to 0 to 1, as sRGB, in 8 bits, rounded. What is no number is black.
pub(crate) struct ToSrgb(&'static Encoder);

impl ToSrgb {
    pub(crate) fn new() -> Self {
        Self(&ENCODER)
    }

    #[inline]
    pub(crate) fn encode(&self, light: f32) -> u8 {
        if light >= 1.0 {
            return 255;
        }
        let bits = light.to_bits();
        if !(LOWEST_BITS..ONE_BITS).contains(&bits) {
            return 0;
        }
        let mut code = self.0.start[((bits - LOWEST_BITS) >> (23 - MANTISSA_BITS)) as usize];
        while code < 255 && self.0.steps[usize::from(code)] <= light {
            code += 1;
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Light in 0 to 1 as sRGB encodes it, in 0 to 1 (IEC 61966-2-1).
    fn encode_exact(light: f64) -> f64 {
        if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        }
    }

    #[test]
    fn encodes_as_the_formula_does() {
        let to_srgb = ToSrgb::new();
        for i in 0..=100_000 {
            let light = i as f32 / 100_000.0;
            let exact = encode_exact(f64::from(light)) * 255.0;
            // On a border between two codes the last bit of a float decides.
            if (exact.fract() - 0.5).abs() > 1e-4 {
                assert_eq!(f64::from(to_srgb.encode(light)), exact.round(), "{light}");
            }
        }
    }

    #[test]
    fn what_is_outside_is_clamped() {
        let to_srgb = ToSrgb::new();
        for (light, code) in [
            (f32::NAN, 0),
            (-f32::NAN, 0),
            (f32::NEG_INFINITY, 0),
            (-0.5, 0),
            (-0.0, 0),
            (f32::MIN_POSITIVE, 0),
            (1.0, 255),
            (7.5, 255),
            (f32::INFINITY, 255),
        ] {
            assert_eq!(to_srgb.encode(light), code, "{light}");
        }
    }

    #[test]
    fn codes_come_back() {
        let to_srgb = ToSrgb::new();
        for code in 0..=255u8 {
            assert_eq!(
                to_srgb.encode(decode_exact(f64::from(code) / 255.0) as f32),
                code
            );
        }
    }
}
