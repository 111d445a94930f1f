//! Ctrl-C for long work: the first asks it to end, the second ends the program.

use pixelbank::memory::Cancel;

/// Cancels `cancel` on the first Ctrl-C or request to end.
pub fn on_interrupt(cancel: &Cancel) -> anyhow::Result<()> {
    let cancel = cancel.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                wait_for_end().await;
                eprintln!("\nEnding; Ctrl-C again ends at once.");
                cancel.cancel();
                wait_for_end().await;
                std::process::exit(130);
            });
        })?;
    Ok(())
}

/// Resolves on Ctrl-C, or when the system asks the program to end.
pub async fn wait_for_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
