// Runs the documentation as a reader would, page by page, each in a new folder
// with a shell of its own, and compares what is printed with what the page shows.
//
//   ```console   A transcript: `$ ` begins a command, `> ` goes on with it, other
//                lines are its output, in which `…` stands for anything within
//                its line.
//   ```sh        `spanner_session_emulator FLAGS` starts a server, in place of
//                the one before. Without such a line, or `<!-- flags: … -->`
//                where the page does not show it, a server runs from the start.
//                Any other command must end well.
//   <!-- from: examples/…/FILE -->  The block after it is put into the folder.
'use strict';

const assert = require('node:assert');
const {spawn} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const {startServer} = require('../clients/node/server.js');
const {blocksOf, pages} = require('./pages.js');

const PROGRAM = 'spanner_session_emulator';
const BINARY = path.resolve(process.env.SPANNER_SESSION_EMULATOR ?? '');
const CASE = {timeout: 60_000};

// What is to be done for a page: {flags}, {file, text} or {command, expected}.
function stepsOf(page) {
  const steps = [];
  for (const {flags, language, text, from} of blocksOf(page)) {
    if (flags !== undefined) {
      steps.push({flags: flags.split(' ')});
    } else if (from !== null && from.startsWith('examples/')) {
      steps.push({file: path.basename(from), text});
    } else if (language === 'sh' && from === null && !text.startsWith('make ')) {
      const [program, ...flags] = text.trim().split(/\s+/);
      const starts = program === PROGRAM && !flags.includes('--healthcheck');
      steps.push(starts ? {flags} : {command: text.trim(), expected: null});
    } else if (language === 'console') {
      for (const line of text.trimEnd().split('\n')) {
        if (line.startsWith('$ ')) {
          steps.push({command: line.slice(2), expected: []});
        } else if (line.startsWith('> ')) {
          steps.at(-1).command += `\n${line.slice(2)}`;
        } else {
          steps.at(-1).expected.push(line);
        }
      }
    }
  }
  return steps;
}

function patternOf(lines) {
  const escaped = lines.join('\n').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('…', '.*')}$`);
}

// A shell that is given one command after the other.
function startShell(cwd) {
  const END = '=== end of a command';
  // Node's runner would not run the tests of a page inside of its own.
  const {NODE_TEST_CONTEXT, ...env} = process.env;
  const bash = spawn('bash', ['--norc'], {cwd, stdio: 'pipe', env});
  let stdout = '';
  let stderr = '';
  let wake = () => {};
  const ended = new Promise(resolve => bash.on('close', resolve));
  ended.then(() => wake());
  bash.stdout.setEncoding('utf8').on('data', text => { stdout += text; wake(); });
  bash.stderr.setEncoding('utf8').on('data', text => { stderr += text; });

  // What the command has printed, and its exit code.
  async function run(command) {
    stdout = '';
    stderr = '';
    const mark = `${END} ${Math.random()}`;
    // What reads standard input must not get the commands to come.
    bash.stdin.write(`{ ${command}\n} </dev/null; echo; echo "${mark} $?"\n`);
    let end;
    while ((end = stdout.indexOf(`${mark} `)) < 0 || !stdout.endsWith('\n')) {
      assert.strictEqual(bash.exitCode, null, `the shell has ended: ${stderr}`);
      await new Promise(resolve => { wake = resolve; });
    }
    const output = stdout.slice(0, end).replaceAll('\r', '').trimEnd();
    return {output, code: Number(stdout.slice(end + mark.length)), stderr};
  }

  function stop() {
    bash.stdin.end();
    return ended;
  }
  return {run, stop};
}

async function follow(steps, cwd) {
  const shell = startShell(cwd);
  let server = null;
  async function start(flags) {
    await server?.stop();
    server = null;
    server = await startServer(flags, cwd);
    await shell.run(`${PROGRAM}() { '${BINARY}' --grpc_port=${server.port} "$@"; }`);
  }
  try {
    if (!steps[0].flags) await start([]);
    for (const {flags, file, text, command, expected} of steps) {
      if (flags) {
        await start(flags);
      } else if (file) {
        const {port, httpPort} = server;
        fs.writeFileSync(path.join(cwd, file), text.replaceAll('9010', port).replaceAll('9020', httpPort));
      } else {
        const {port, httpPort} = server;
        const {output, code, stderr} = await shell.run(
          command.replaceAll('localhost:9010', `localhost:${port}`)
            .replaceAll('localhost:9020', `localhost:${httpPort}`));
        const printed = output.replaceAll(httpPort, '9020').replaceAll(port, '9010');
        if (expected !== null) {
          assert.match(printed, patternOf(expected), `after: ${command}\n${stderr}`);
        } else {
          assert.strictEqual(code, 0, `${command}\n${stderr}`);
          assert.ok(!printed.includes('"error"'), `${command}\n${printed}`);
        }
      }
    }
  } finally {
    await shell.stop();
    await server?.stop();
  }
}

let commands = 0;
for (const page of pages) {
  const steps = stepsOf(page);
  const count = steps.filter(step => step.command).length;
  if (count === 0 && !steps.some(step => step.flags)) continue;
  commands += count;
  test(page, CASE, () =>
    follow(steps, fs.mkdtempSync(path.join(process.env.TEST_TMPDIR || os.tmpdir(), 'transcript-'))));
}

test('there are transcripts', () => {
  assert.ok(commands > 100, `${commands} commands`);
});
