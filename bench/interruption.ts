/** Aborts when the run is interrupted, so that everything that was started is stopped. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => controller.abort())
  return controller.signal
}

/** Runs to the end, or until it is interrupted. @returns the exit code */
export async function finish(signal: AbortSignal, run: () => Promise<void>): Promise<number> {
  try {
    await run()
    return 0
  } catch (error) {
    if (!signal.aborted) throw error
    console.error('Interrupted')
    return 130
  }
}
