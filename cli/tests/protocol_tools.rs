//! `milena decode`, `encode` and `records` against what Kafka's own classes wrote: the golden files of `testdata`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

fn testdata(folder: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../testdata", folder].iter().collect()
}

fn milena(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_milena"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The command may have given up before it has read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The options that say which message a golden file holds.
fn options(message: &str, version: &str) -> Vec<String> {
    let words: Vec<&str> = match message {
        "ConsumerProtocolSubscription" => vec!["--subscription"],
        "ConsumerProtocolAssignment" => vec!["--assignment"],
        _ => match message.strip_suffix("Request") {
            Some(api) => vec!["--request", "--api-key", api],
            None => vec!["--response", "--api-key", message.strip_suffix("Response").unwrap()],
        },
    };
    words.into_iter().chain(["--api-version", version]).map(str::to_owned).collect()
}

#[test]
fn decode_and_encode_give_what_kafkas_classes_do() {
    let mut messages = 0;
    for file in files(&testdata("golden"), "jsonl") {
        let message = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if message.ends_with("Header") {
            continue;
        }
        for line in fs::read_to_string(&file).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let (version, bytes) =
                (line["version"].to_string(), BASE64.decode(line["bytes"].as_str().unwrap()));
            let (bytes, options) = (bytes.unwrap(), options(&message, &version));
            let options: Vec<&str> = options.iter().map(String::as_str).chain(["-"]).collect();

            let decoded = milena(&[&["decode"], &options[..]].concat(), &bytes);
            assert!(decoded.status.success(), "{message} v{version}: {}", stderr(&decoded));
            let json: Value = serde_json::from_slice(&decoded.stdout).unwrap();
            assert_eq!(json, line["json"], "{message} v{version}");

            messages += 1;
            // Unknown tagged fields have no JSON.
            if line["case"].as_str().unwrap().starts_with("tagged") {
                continue;
            }
            let encoded = milena(&[&["encode"], &options[..]].concat(), &decoded.stdout);
            assert!(encoded.status.success(), "{message} v{version}: {}", stderr(&encoded));
            assert_eq!(encoded.stdout, bytes, "{message} v{version}");
        }
    }
    assert!(messages > 1000, "only {messages} messages were tried");
}

#[test]
fn a_header_comes_and_goes_with_its_body() {
    let frame = b"\0\x09\0\x01\0\0\0\x07\0\x03cli\0\x05group\0\0\0\0";
    let options = ["--request", "--api-key", "9", "--api-version", "1", "--header", "-"];
    let decoded = milena(&[&["decode"], &options[..]].concat(), frame);
    let json: Value = serde_json::from_slice(&decoded.stdout).unwrap();
    assert_eq!(json["header"]["clientId"], "cli");
    assert_eq!(json["body"]["groupId"], "group");
    let encoded = milena(&[&["encode"], &options[..]].concat(), &decoded.stdout);
    assert_eq!(encoded.stdout, frame);
}

#[test]
fn what_cannot_be_encoded_is_named_once() {
    let encoded = milena(&["encode", "--subscription", "--api-version", "9", "-"], b"{}");
    assert_eq!(stderr(&encoded), "milena: ConsumerProtocolSubscription v9: the known versions are 0 to 3\n");
}

#[test]
fn bytes_after_a_request_are_passed_over_and_told() {
    // All topics, as librdkafka asks for them.
    let (header, body) = (&b"\0\x03\0\x04\0\0\0\x07\0\x03cli"[..], &b"\xff\xff\xff\xff\x01\0\0"[..]);
    for (header, with_header) in [(&b""[..], &[][..]), (header, &["--header"][..])] {
        let options =
            [&["decode", "--request", "--api-key", "Metadata", "--api-version", "4", "-"], with_header];
        let decoded = milena(&options.concat(), &[header, body].concat());
        assert!(decoded.status.success(), "{}", stderr(&decoded));
        let json: Value = serde_json::from_slice(&decoded.stdout).unwrap();
        let body = json.get("body").unwrap_or(&json);
        assert_eq!(*body, serde_json::json!({ "topics": null, "allowAutoTopicCreation": true }));
        let told = "milena: passed over 2 bytes after the request, as Kafka's broker does\n";
        assert_eq!(stderr(&decoded), told);
    }
}

#[test]
fn records_gives_what_kafkas_classes_do() {
    let (broken, whole): (Vec<_>, Vec<_>) =
        files(&testdata("records"), "jsonl").into_iter().partition(|file| is_broken(file));
    assert!(whole.len() > 20, "only {} blobs", whole.len());
    for expected in whole {
        let blob = expected.with_extension("bin");
        let output = milena(&["records", blob.to_str().unwrap()], b"");
        assert!(output.status.success(), "{}: {}", blob.display(), stderr(&output));
        assert_eq!(printed(&output), lines(&fs::read_to_string(&expected).unwrap()), "{}", blob.display());
    }

    assert!(!broken.is_empty());
    for expected in broken {
        let output = milena(&["records", expected.with_extension("bin").to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(1));
        let before_the_break = lines(&fs::read_to_string(&expected).unwrap());
        let printed = printed(&output);
        assert_eq!(printed[..before_the_break.len()], before_the_break, "{}", expected.display());
    }
}

fn is_broken(file: &Path) -> bool {
    file.file_name().unwrap().to_str().unwrap().starts_with("broken-")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn printed(output: &Output) -> Vec<Value> {
    lines(std::str::from_utf8(&output.stdout).unwrap())
}

#[test]
fn a_broken_blob_is_one_line_on_standard_error_and_exit_code_1() {
    let files: Vec<_> = files(&testdata("records"), "txt");
    assert!(files.len() > 20, "only {} blobs", files.len());
    for description in files {
        let blob = description.with_extension("bin");
        let output = milena(&["records", blob.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(1), "{}", blob.display());
        let message = stderr(&output);
        assert_eq!(message.lines().count(), 1, "{}: {message}", blob.display());
        assert!(
            message.starts_with("milena: ") && message.contains("byte "),
            "{}: {message}",
            blob.display()
        );
    }
}

#[test]
fn what_came_before_a_break_is_printed() {
    let file = files(&testdata("records"), "jsonl").into_iter().find(|file| !is_broken(file)).unwrap();
    let mut blob = fs::read(file.with_extension("bin")).unwrap();
    // A second batch of a magic that does not exist.
    blob.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 9]);
    blob.extend_from_slice(&[0; 15]);
    let output = milena(&["records", "-"], &blob);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), fs::read_to_string(&file).unwrap().lines().count());
}

#[test]
fn bad_usage_ends_with_2_and_a_failure_with_1() {
    let code = |args: &[&str], input: &[u8]| milena(args, input).status.code();
    assert_eq!(code(&["decode", "-"], b""), Some(2));
    assert_eq!(code(&["decode", "--request", "--api-key", "Fetsh", "--api-version", "4", "-"], b""), Some(2));
    assert_eq!(
        code(&["decode", "--request", "--api-key", "Fetch", "--api-version", "99", "-"], b""),
        Some(2)
    );
    assert_eq!(
        code(&["decode", "--request", "--api-key", "Fetch", "--api-version", "4", "-"], b"x"),
        Some(1)
    );
    assert_eq!(
        code(&["encode", "--request", "--api-key", "Fetch", "--api-version", "4", "-"], b"{}"),
        Some(1)
    );
    assert_eq!(code(&["records", "no such file"], b""), Some(1));
    assert_eq!(code(&["apis"], b""), Some(0));
}

#[test]
fn apis_lists_every_api_in_both_forms() {
    let table = String::from_utf8(milena(&["apis"], b"").stdout).unwrap();
    let json: Value = serde_json::from_slice(&milena(&["apis", "--json"], b"").stdout).unwrap();
    assert_eq!(table.lines().count(), json.as_array().unwrap().len() + 1);
    assert_eq!(json[1]["name"], "Fetch");
    assert_eq!(json[1]["maxVersion"], 18);
    assert_eq!(json[1]["parsed"], true);
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}
