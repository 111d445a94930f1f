use pixelbank_image::View;

use crate::Error;

/// Metadata to be embedded in what is written; formats without a place for a block leave it out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embed<'a> {
    /// EXIF, from the TIFF header on.
    pub exif: Option<&'a [u8]>,
    /// An XMP packet.
    pub xmp: Option<&'a [u8]>,
    /// An ICC profile.
    pub icc: Option<&'a [u8]>,
}

/// A file that is written from top to bottom, with memory for a few rows only (bar WebP, which collects the frame).
///
/// Every writer is made with the full size and the pixel format, takes the rows in any number of calls, and is
/// finished after the last one; dropping it before leaves a file that readers will refuse.
pub trait RowWriter: Send {
    /// Takes the next rows: any number of them, of the full width, in the format the writer was made for.
    ///
    /// # Errors
    /// [`Error::Encode`] for rows of another width or format, or more of them than the image has; [`Error::Io`].
    fn write_rows(&mut self, rows: View<'_>) -> Result<(), Error>;

    /// Writes what remains and flushes.
    ///
    /// # Errors
    /// [`Error::Encode`] where rows are missing; [`Error::Io`].
    fn finish(self: Box<Self>) -> Result<(), Error>;
}
