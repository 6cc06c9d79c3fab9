//! The program: reads its arguments, runs one command, and tells by its exit code how that went.

use anyhow::Context;
use clap::Parser;
use threat_protection_operator::cli::{Arguments, dispatch};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed already"))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    Ok(runtime.block_on(dispatch(arguments))?)
}
