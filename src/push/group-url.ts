// The path of one group at a Pushgateway. Values that a path cannot hold travel in base64url, as the Pushgateway's API has
// it: with a slash in them, empty, or such that a path would be cleaned of them.

/** `http://gateway:9091/metrics/job/traceroute/instance/example.org` */
export function groupUrl(base: string, job: string, instance: string): string {
  return `${base.replace(/\/+$/, '')}/metrics/${segment('job', job)}/${segment('instance', instance)}`;
}

function segment(label: string, value: string): string {
  if (/^[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*$/.test(value)) return `${label}/${value}`;
  // The base64url of nothing is nothing, which would be no segment: the padding stands for it.
  const encoded = value === '' ? '=' : Buffer.from(value).toString('base64url');
  return `${label}@base64/${encoded}`;
}
