// A webhook on 127.0.0.1:9099 for programs inside a namespace: every body that is posted becomes one line of standard
// output. Ends with its standard input.

import { createServer } from 'node:http';

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  request.on('end', () => {
    process.stdout.write(`${JSON.stringify(JSON.parse(body))}\n`);
    response.end();
  });
});
server.listen(9099, '127.0.0.1', () => process.stdout.write('ready\n'));
await new Promise((resolve) => process.stdin.resume().once('end', resolve));
server.close();
server.closeAllConnections();
