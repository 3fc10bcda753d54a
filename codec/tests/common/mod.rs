//! Frames of Kafka's own, and codecs that are fed with parts of them.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use milena_codec::CodecError;
use serde_json::Value;
use tokio_util::codec::Decoder;

/// The lines of a file in `testdata`.
pub fn lines(folder: &str, name: &str) -> Vec<Value> {
    let file: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../testdata", folder, &format!("{name}.jsonl")].iter().collect();
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The bytes that are base64 in a line.
pub fn bytes(base64: &Value) -> Bytes {
    BASE64.decode(base64.as_str().unwrap()).unwrap().into()
}

/// The frame as it is on the wire.
pub fn with_length(frame: &[u8]) -> Bytes {
    let length = i32::try_from(frame.len()).unwrap().to_be_bytes();
    [&length, frame].concat().into()
}

/// Decodes what comes in these parts: nothing must come out before the last one.
pub fn decode_parts<'a, D: Decoder<Error = CodecError>>(
    codec: &mut D,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> D::Item {
    let mut stream = BytesMut::new();
    let mut decoded = None;
    for part in parts {
        assert!(decoded.is_none(), "a frame came out before it was whole");
        stream.extend_from_slice(part);
        decoded = codec.decode(&mut stream).unwrap();
    }
    assert!(stream.is_empty(), "bytes are left over");
    decoded.expect("a whole frame came in")
}
