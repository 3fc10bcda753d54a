//! `milena records`: the batches and records of a records blob, one JSON object a line.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use milena_protocol::records::{Batch, Batches, Compression, Decompressor, Record, RecordError};
use serde_json::{Value, json};

use crate::failure::{Failure, read};

#[derive(clap::Args)]
#[command(
    after_help = "A blob is what the `records` field of a Fetch response or a Produce request holds.\n\
    Keys, values and header values are printed as base64, or null."
)]
pub struct Args {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// The blob; - for standard input
    file: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object a line: each batch, then its records
    Json,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let Format::Json = args.format;
    let blob = read(&args.file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let end = print(&blob, &mut out);
    // What came before a break is printed before the break is told.
    out.flush()?;
    end?.map_err(Failure::of)
}

fn print(blob: &[u8], out: &mut impl Write) -> io::Result<Result<(), RecordError>> {
    let mut decompressor = Decompressor::new();
    for batch in Batches::new(blob) {
        let printed = match batch {
            Ok(batch) => print_batch(&batch, &mut decompressor, out)?,
            Err(error) => Err(error),
        };
        if let Err(error) = printed {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

fn print_batch(
    batch: &Batch<'_>,
    decompressor: &mut Decompressor,
    out: &mut impl Write,
) -> io::Result<Result<(), RecordError>> {
    let (base_offset, count) = match extent(batch, decompressor) {
        Ok(extent) => extent,
        Err(error) => return Ok(Err(error)),
    };
    writeln!(out, "{}", batch_json(batch, base_offset, count))?;
    let records = match batch.records(decompressor) {
        Ok(records) => records,
        Err(error) => return Ok(Err(error)),
    };
    for record in records {
        match record {
            Ok(record) => writeln!(out, "{}", record_json(&record))?,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

/// The first offset and the number of records. A compressed batch of magic 0 or 1 must be read to know them.
fn extent(batch: &Batch<'_>, decompressor: &mut Decompressor) -> Result<(i64, usize), RecordError> {
    match batch.count {
        Some(count) => Ok((batch.base_offset, count as usize)),
        None if batch.compression == Compression::None => Ok((batch.base_offset, 1)),
        None => {
            let records = batch.records(decompressor)?;
            let base_offset = records.cursor().base_offset();
            Ok((base_offset, records.take_while(Result::is_ok).count()))
        }
    }
}

fn batch_json(batch: &Batch<'_>, base_offset: i64, count: usize) -> Value {
    json!({ "batch": {
        "baseOffset": base_offset,
        "lastOffset": batch.last_offset,
        "magic": batch.magic,
        "compression": batch.compression.name(),
        "timestampType": batch.timestamp_type.name(),
        "producerId": batch.producer_id,
        "producerEpoch": batch.producer_epoch,
        "baseSequence": batch.base_sequence,
        "partitionLeaderEpoch": batch.partition_leader_epoch,
        "isTransactional": batch.is_transactional,
        "isControl": batch.is_control,
        "deleteHorizonMs": batch.delete_horizon_ms,
        "crc": batch.crc,
        "count": count,
    }})
}

fn record_json(record: &Record<'_>) -> Value {
    let header = |header: milena_protocol::records::Header<'_>| {
        json!([String::from_utf8_lossy(header.key), base64(header.value)])
    };
    json!({
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": base64(record.key),
        "value": base64(record.value),
        "headers": record.headers().map(header).collect::<Vec<_>>(),
    })
}

fn base64(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| BASE64.encode(bytes))
}
