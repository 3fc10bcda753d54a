//! `milena apis`: what is supported, in which versions.

use std::io::{self, Write};

use milena_protocol::Api;
use serde_json::json;

use crate::failure::Failure;

#[derive(clap::Args)]
pub struct Args {
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if args.json {
        let apis: Vec<_> = Api::ALL.iter().map(|&api| as_json(api)).collect();
        writeln!(out, "{:#}", serde_json::Value::from(apis))?;
    } else {
        table(&mut out)?;
    }
    Ok(out.flush()?)
}

fn as_json(api: Api) -> serde_json::Value {
    json!({
        "apiKey": api.key(),
        "name": api.name(),
        "minVersion": api.versions().start(),
        "maxVersion": api.versions().end(),
        "firstFlexibleVersion": api.first_flexible(),
        "parsed": api.is_parsed(),
    })
}

fn table(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:>3}  {:<28} {:>8}  {:>8}  messages", "key", "API", "versions", "flexible")?;
    for &api in Api::ALL {
        let versions = format!("{}-{}", api.versions().start(), api.versions().end());
        let flexible = api.first_flexible().map_or("-".to_owned(), |first| format!("{first}+"));
        let messages = if api.is_parsed() { "parsed" } else { "passed through" };
        writeln!(out, "{:>3}  {:<28} {versions:>8}  {flexible:>8}  {messages}", api.key(), api.name())?;
    }
    Ok(())
}
