//! CMYK without a profile.

/// Converts a row of CMYK to RGB; `inverted` is how Adobe's programs store it: 255 is no ink.
///
/// Light that passes the colour ink passes the black one too. What printers make of it, a profile would say.
pub(super) fn to_rgb(cmyk: &[u8], rgb: &mut [u8], inverted: bool) {
    let flip = if inverted { 0 } else { 255 };
    for (ink, pixel) in cmyk.chunks_exact(4).zip(rgb.chunks_exact_mut(3)) {
        let black = u32::from(ink[3] ^ flip);
        for (channel, ink) in pixel.iter_mut().zip(ink) {
            let light = u32::from(ink ^ flip) * black;
            *channel = ((light + 127) / 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_conventions() {
        let mut rgb = [0; 9];
        // No ink, full cyan, full black.
        to_rgb(&[0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255], &mut rgb, false);
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 0, 0, 0]);
        to_rgb(
            &[255, 255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 0],
            &mut rgb,
            true,
        );
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 0, 0, 0]);
    }
}
