// Runs every transcript of the documentation as written, each file's with one
// server and one shell, and compares what is printed with what the file shows.
//
// A transcript is a block marked `console`: `$ ` begins a command, `> ` goes on
// with it, other lines are its output, in which `…` stands for anything within
// its line. A line `<!-- flags: … -->` has flags that the server gets. Server and
// shell work in a new folder.
'use strict';

const assert = require('node:assert');
const {execFile} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const {promisify} = require('node:util');
const {withServer} = require('../clients/node/server.js');

const FILES = ['README.md', ...fs.readdirSync('docs').sort().map(name => `docs/${name}`)];
const END = '=== end of a command ===';
const CASE = {timeout: 60_000};

// The file's commands and, for each, the lines that it is to print.
function stepsOf(text) {
  const steps = [];
  for (const [, block] of text.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) {
        steps.push({command: line.slice(2), expected: []});
      } else if (line.startsWith('> ')) {
        steps.at(-1).command += `\n${line.slice(2)}`;
      } else {
        steps.at(-1).expected.push(line);
      }
    }
  }
  return steps;
}

function flagsOf(text) {
  const match = /^<!-- flags: (.*) -->$/m.exec(text);
  return match ? match[1].split(' ') : [];
}

function patternOf(lines) {
  const escaped = lines.join('\n').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('…', '.*')}$`);
}

for (const file of FILES) {
  const text = fs.readFileSync(file, 'utf8');
  const steps = stepsOf(text);
  if (steps.length === 0) continue;
  test(file, CASE, () => {
    const cwd = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR || os.tmpdir(), 'transcript-'));
    return withServer(flagsOf(text), async ({port, httpPort}) => {
      const script = steps
        .map(({command}) => `${command}\necho; echo '${END}'\n`)
        .join('')
        .replaceAll('localhost:9010', `localhost:${port}`)
        .replaceAll('localhost:9020', `localhost:${httpPort}`);
      const {stdout, stderr} = await promisify(execFile)('bash', ['--norc', '-c', script], {cwd});
      const outputs = stdout.split(`${END}\n`);
      assert.strictEqual(outputs.length, steps.length + 1, stderr);
      steps.forEach(({command, expected}, i) => {
        const output = outputs[i].replaceAll('\r', '').replaceAll(httpPort, '9020').trimEnd();
        assert.match(output, patternOf(expected), `after: ${command}\n${stderr}`);
      });
    }, cwd);
  });
}

test('there are transcripts', () => {
  const all = FILES.flatMap(file => stepsOf(fs.readFileSync(file, 'utf8')));
  assert.ok(all.length > 20, `${all.length} commands`);
});
