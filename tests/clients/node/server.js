// Starts the server that SPANNER_SESSION_EMULATOR names, and stops it again.
'use strict';

const assert = require('node:assert');
const {spawn} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const READY = 'Cloud Spanner emulator running.\n';
const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 10_000;

// Resolves when the server is ready to be called, to its ports and its gRPC
// `address`. It runs in the folder `cwd`, if that is given.
async function startServer(flags, cwd) {
  const binary = process.env.SPANNER_SESSION_EMULATOR;
  assert.ok(binary, 'SPANNER_SESSION_EMULATOR must name the server to test');
  const folder = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR || os.tmpdir(), 'node-client-'));
  const portFile = path.join(folder, 'ports.json');

  // The server lives as long as its standard input, which closes even when
  // this process is killed: no test run can leave a server behind.
  const server = spawn(
    path.resolve(binary),
    [
      '--hostname=localhost',
      '--grpc_port=0',
      '--http_port=0',
      `--port_file=${portFile}`,
      '--exit_on_stdin_close',
      ...flags,
    ],
    {stdio: ['pipe', 'ignore', 'pipe'], cwd},
  );
  let log = '';
  const ended = new Promise(resolve => {
    server.on('error', error => resolve(`cannot run: ${error.message}`));
    server.on('close', (code, signal) => resolve(signal ?? code));
  });

  // A server that outlives the limit is killed, and its end says so.
  const kill = limit => setTimeout(() => server.kill('SIGKILL'), limit);

  async function stop() {
    const timer = kill(STOP_LIMIT_MS);
    server.stdin.end();
    const status = await ended;
    clearTimeout(timer);
    fs.rmSync(folder, {recursive: true, force: true});
    assert.strictEqual(status, 0, `the server's end: ${status}\n${log}`);
  }

  const timer = kill(START_LIMIT_MS);
  const ready = new Promise(resolve => {
    server.stderr.on('data', chunk => {
      log += chunk;
      if (log.includes(READY)) resolve(true);
    });
  });
  const started = await Promise.race([ready, ended.then(() => false)]);
  clearTimeout(timer);
  if (!started) {
    await stop();
    throw new Error(`the server ended before it was ready\n${log}`);
  }
  const {grpc_port: port, http_port: httpPort} = JSON.parse(fs.readFileSync(portFile, 'utf8'));
  return {port, httpPort, address: `localhost:${port}`, stop};
}

// Runs `body` with a server of its own.
async function withServer(flags, body, cwd) {
  const server = await startServer(flags, cwd);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

module.exports = {startServer, withServer};
