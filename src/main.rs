//! The program: reads its arguments, runs one command, and tells by its exit code how that went.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use threat_protection_operator::cli::{Arguments, dispatch};

// Small pieces that stay lie among large ones that go: over 10,000 resources the heap of the system's allocator is a third
// larger.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to the standard output. A pipeline must not take a wrong argument for a plan, which ends with 2.
            error.print().context("cannot print how the program is used")?;
            return Ok(u8::from(error.use_stderr()).into());
        }
    };
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed already"))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    Ok(runtime.block_on(dispatch(arguments))?)
}
