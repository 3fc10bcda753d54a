//! Writes the first inputs of every corpus, from what Kafka and real clients have written.
//!
//! Two golden cases of each version, every kind of message that a capture has, the record blobs and what is compressed
//! in them; each once, and only what is small. What a fuzzer has found and somebody has committed is left alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use milena_fuzz_oracles::{TARGETS, corpus};
use milena_protocol::records::{Batches, Compression};
use milena_protocol::{Api, Message, RequestHeader, ResponseHeader};
use serde_json::Value;

/// The largest input, in bytes.
const LARGEST: usize = 2_000;
/// How much of a conversation makes a stream for `framing`, in bytes.
const STREAM: usize = 800;
const CASES: [&str; 2] = ["nulls", "tagged"];
const CASES_WITHOUT_TAGS: [&str; 2] = ["nulls", "full"];

fn main() -> std::io::Result<()> {
    let mut seeds = Seeds::default();
    golden(&mut seeds);
    for name in names("captures", "jsonl") {
        capture(&mut seeds, &name);
    }
    for name in names("records", "bin") {
        records(&mut seeds, &name);
    }
    strangers(&mut seeds);
    seeds.write()
}

/// Inputs by target and name.
#[derive(Default)]
struct Seeds {
    inputs: BTreeMap<(&'static str, String), Vec<u8>>,
    seen: BTreeSet<(&'static str, Vec<u8>)>,
}

impl Seeds {
    fn add(&mut self, target: &'static str, name: String, input: Vec<u8>) {
        if input.len() <= LARGEST && self.seen.insert((target, input.clone())) {
            self.inputs.insert((target, name), input);
        }
    }

    fn write(&self) -> std::io::Result<()> {
        for (target, _) in TARGETS {
            fs::create_dir_all(corpus(target))?;
            let inputs = || self.inputs.iter().filter(|((of, _), _)| *of == target);
            let bytes: usize = inputs().map(|(_, input)| input.len()).sum();
            println!("{target}: {} inputs, {bytes} bytes", inputs().count());
            for ((_, name), input) in inputs() {
                fs::write(corpus(target).join(name), input)?;
            }
        }
        Ok(())
    }
}

fn golden(seeds: &mut Seeds) {
    for &api in Api::ALL.iter().filter(|api| api.is_parsed()) {
        for direction in ["Request", "Response"] {
            for case in lines("golden", &format!("{api}{direction}")) {
                let version = case["version"].as_i64().expect("a version") as i16;
                let name = case["case"].as_str().expect("a name");
                let wanted = if api.is_flexible(version) { CASES } else { CASES_WITHOUT_TAGS };
                if !wanted.contains(&name) {
                    continue;
                }
                let mut frame = BytesMut::new();
                if direction == "Request" {
                    let header = RequestHeader::new(api, version, 7, Some("seed".into()));
                    header.write(api.request_header_version(version), &mut frame).expect("a good header");
                } else {
                    let header = ResponseHeader::new(7);
                    header.write(api.response_header_version(version), &mut frame).expect("a good header");
                }
                frame.extend_from_slice(&bytes(&case["bytes"]));
                let name = format!("golden-{api}-{version}-{name}");
                if direction == "Request" {
                    seeds.add("request", name, frame.to_vec());
                } else {
                    seeds.add("response", name, answer(api.key(), version, &frame));
                }
            }
        }
    }
}

/// The first request of each API and version in a capture, its response, and the beginning of every conversation.
fn capture(seeds: &mut Seeds, capture: &str) {
    let mut asked = HashMap::new();
    let mut kinds = BTreeSet::new();
    let mut streams = BTreeMap::<(u64, bool), Vec<u8>>::new();
    for line in lines("captures", capture) {
        let connection = line["connection"].as_u64().expect("a connection");
        let from_client = line["from"] == "client";
        let frame = bytes(&line["frame"]);
        let stream = streams.entry((connection, from_client)).or_insert_with(|| vec![0, 10, 100, 255]);
        if stream.len() + frame.len() <= STREAM {
            stream.extend((frame.len() as i32).to_be_bytes());
            stream.extend_from_slice(&frame);
        }
        if from_client {
            let (key, version, id) = (int16(&frame), int16(&frame[2..]), &frame[4..8]);
            asked.insert((connection, id.to_vec()), (key, version));
            if kinds.insert((true, key, version)) {
                seeds.add("request", format!("{capture}-{key}-{version}"), frame);
            }
        } else if let Some((key, version)) = asked.remove(&(connection, frame[..4].to_vec()))
            && kinds.insert((false, key, version))
        {
            seeds.add("response", format!("{capture}-{key}-{version}"), answer(key, version, &frame));
        }
    }
    for ((connection, from_client), stream) in streams {
        let side = if from_client { "client" } else { "broker" };
        seeds.add("framing", format!("{capture}-{connection}-{side}"), stream);
    }
}

/// An input for `response`.
fn answer(key: i16, version: i16, frame: &[u8]) -> Vec<u8> {
    [&key.to_be_bytes(), &version.to_be_bytes(), frame].concat()
}

/// A blob, and what is compressed in its batches.
fn records(seeds: &mut Seeds, name: &str) {
    let blob = fs::read(testdata("records").join(format!("{name}.bin"))).expect("a blob");
    for (number, batch) in Batches::new(&blob).verify_crc(false).flatten().enumerate() {
        if batch.compression != Compression::None {
            let kind = batch.compression.id() | (batch.magic as u8) << 3;
            let input = [&[kind], batch.record_data()].concat();
            seeds.add("decompress", format!("{name}-{number}"), input);
        }
    }
    seeds.add("record_batch", name.to_owned(), blob);
}

/// Those who speak another protocol, and lengths that are wrong.
fn strangers(seeds: &mut Seeds) {
    let streams: [(&str, &[u8]); 7] = [
        ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("http", b"GET / HTTP/1.1\r\nhost: broker\r\n\r\n"),
        ("ssh", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("negative", b"\xff\xff\xff\xff\0\0"),
        ("too-large", b"\x03\0\0\x03\x3c\x0c\0\xb6"),
        ("announced", b"\0\x1f\0\0and not sent"),
        ("empty-frames", b"\0\0\0\0\0\0\0\0"),
    ];
    for (name, stream) in streams {
        seeds.add("framing", name.to_owned(), [b"\x03\0\0\xff", stream].concat());
    }
}

fn int16(bytes: &[u8]) -> i16 {
    i16::from_be_bytes([bytes[0], bytes[1]])
}

fn testdata(folder: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "testdata", folder].iter().collect()
}

/// The files of a folder that have this extension, without it, sorted.
fn names(folder: &str, extension: &str) -> Vec<String> {
    let folder = testdata(folder);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let names = files.filter_map(|file| {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        Some(name.strip_suffix(&format!(".{extension}"))?.to_owned())
    });
    let mut names = names.collect::<Vec<_>>();
    names.sort();
    names
}

fn lines(folder: &str, name: &str) -> Vec<Value> {
    let file = testdata(folder).join(format!("{name}.jsonl"));
    let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn bytes(base64: &Value) -> Vec<u8> {
    BASE64.decode(base64.as_str().expect("a string")).expect("base64")
}
