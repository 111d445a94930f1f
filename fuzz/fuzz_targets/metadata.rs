#![no_main]

use pixelbank_codec::{Format, Metadata, MetadataBlocks, captured_and_orientation, orientation};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&kind, block)) = data.split_first() else {
        return;
    };
    let mut blocks = MetadataBlocks::default();
    let block = Some(block.to_vec());
    match kind % 4 {
        0 => blocks.exif = block,
        1 => blocks.xmp = block,
        2 => blocks.iptc = block,
        _ => blocks.icc = block,
    }
    if let Some(exif) = &blocks.exif {
        let _ = orientation(exif);
    }
    let metadata = Metadata::read(&blocks, Format::Jpeg);
    let (captured, turned) = captured_and_orientation(&blocks);
    assert_eq!(captured, metadata.captured);
    assert_eq!(turned, metadata.orientation);
});
