// The image's health check: status 0 when the exporter in this container answers /-/healthy.
// HOPSCOPE_HEALTH_URL says where, if it does not listen on port 10434 or uses TLS.
// Any answer below 500 proves that it serves: 401 is one that only asks for a password.

const url = process.env.HOPSCOPE_HEALTH_URL ?? 'http://127.0.0.1:10434/-/healthy';
try {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(4000) });
  if (status >= 500) throw new Error(`it answers ${status}`);
} catch (error) {
  const reason = error instanceof Error ? (error.cause?.message ?? error.message) : String(error);
  console.error(`hopscope does not answer at ${url}: ${reason}`);
  process.exit(1);
}
