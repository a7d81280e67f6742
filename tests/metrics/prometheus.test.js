// What Prometheus and promtool make of /metrics, of the example's configuration
// and of the dashboard's expressions.
'use strict';

const assert = require('node:assert');
const {spawn, spawnSync} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const {withServer} = require('../clients/node/server.js');

const CONFIG = 'examples/prometheus/prometheus.yml';
const DASHBOARD = 'examples/grafana/dashboard.json';
const DATABASE = 'projects/p/instances/i/databases/d';
const CASE = {timeout: 120_000};
const PATIENCE_MS = 60_000;
const PREFIX = 'spanner_session_emulator_';

function promtool(args, input) {
  const {status, stdout, stderr} = spawnSync('promtool', args, {input, encoding: 'utf8'});
  assert.strictEqual(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout + stderr;
}

function newFolder() {
  return fs.mkdtempSync(path.join(process.env.TEST_TMPDIR || os.tmpdir(), 'prometheus-'));
}

// Asks again and again, as nobody says when the next scrape has been.
async function eventually(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  let last;
  while (Date.now() < end) {
    last = await ask().catch(error => error);
    if (last === true) return;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  assert.fail(`${what}: ${last}`);
}

// Three sessions, and an error.
async function makeCalls(httpPort) {
  const call = async (target, options = {}) => {
    const answer = await fetch(`http://localhost:${httpPort}/v1/${target}`, options);
    return [answer.status, await answer.json()];
  };
  for (let i = 0; i < 3; ++i) {
    const [status] = await call(`${DATABASE}/sessions`, {method: 'POST'});
    assert.strictEqual(status, 200);
  }
  const [status] = await call(`${DATABASE}/sessions/none`);
  assert.strictEqual(status, 404);
}

async function metricsOf(httpPort) {
  const answer = await fetch(`http://localhost:${httpPort}/metrics`);
  assert.strictEqual(answer.status, 200);
  return answer.text();
}

test('promtool has nothing to say of the metrics', CASE, () =>
  withServer([], async ({httpPort}) => {
    await makeCalls(httpPort);
    const text = await metricsOf(httpPort);
    assert.match(text, /^spanner_session_emulator_call_duration_seconds_bucket\{/m);
    assert.strictEqual(promtool(['check', 'metrics'], text), '');
  }),
);

test('promtool checks', () => {
  // Or silence would mean nothing.
  const {status} = spawnSync('promtool', ['check', 'metrics'], {
    input: '# TYPE calls counter\ncalls 1\n',
    encoding: 'utf8',
  });
  assert.notStrictEqual(status, 0);
});

test('the example of a configuration is one', () => {
  promtool(['check', 'config', CONFIG]);
});

// All expressions of the panels, with what Grafana would put in.
function expressions() {
  const dashboard = JSON.parse(fs.readFileSync(DASHBOARD, 'utf8'));
  const all = dashboard.panels.flatMap(panel => panel.targets ?? []).map(target => target.expr);
  assert.ok(all.length > 20, `${all.length} expressions`);
  return all;
}

function filledIn(expression) {
  return expression
    .replaceAll('$__rate_interval', '5s')
    .replaceAll('$instance', '.*')
    .replaceAll('$job', '.*');
}

test('the dashboard asks for metrics that there are, and for all of them', CASE, () =>
  withServer([], async ({httpPort}) => {
    await makeCalls(httpPort);
    const text = await metricsOf(httpPort);
    const served = new Set(text.match(/^[a-z_]+(?=[{ ])/gm));
    const metricsIn = content => new Set(content.match(new RegExp(`\\b(${PREFIX}|process_)\\w+`, 'g')));
    for (const name of metricsIn(expressions().join(' '))) assert.ok(served.has(name), `${name} is not served`);
    // The variables of the dashboard ask for metrics, too.
    const shown = metricsIn(fs.readFileSync(DASHBOARD, 'utf8'));
    for (const name of served) assert.ok(shown.has(name), `${name} is not shown`);
  }),
);

// A Prometheus with a scrape each second, until `body` is done.
async function withPrometheus(httpPort, body) {
  const folder = newFolder();
  const config = path.join(folder, 'prometheus.yml');
  const text = fs.readFileSync(CONFIG, 'utf8');
  assert.ok(text.includes('localhost:9020') && text.includes('scrape_interval: 15s'));
  fs.writeFileSync(
    config,
    text
      .replace('localhost:9020', `localhost:${httpPort}`)
      .replace('scrape_interval: 15s', 'scrape_interval: 1s\n  scrape_timeout: 1s'),
  );
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    {stdio: ['ignore', 'ignore', 'pipe']},
  );
  const ended = new Promise(resolve => {
    prometheus.on('error', resolve);
    prometheus.on('close', resolve);
  });
  let log = '';
  prometheus.stderr.on('data', chunk => {
    log += chunk;
  });
  try {
    let port;
    await eventually('Prometheus listens', async () => {
      port = log.match(/msg="Listening on" address=127\.0\.0\.1:(\d+)/)?.[1];
      if (prometheus.exitCode !== null) throw new Error(log);
      return port !== undefined || log;
    });
    await body(async query => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
      const json = await answer.json();
      assert.strictEqual(json.status, 'success', `${query}: ${JSON.stringify(json)}`);
      return json.data.result;
    });
  } finally {
    prometheus.kill('SIGKILL');
    await ended;
    fs.rmSync(folder, {recursive: true, force: true});
  }
}

test('Prometheus scrapes the server', CASE, () =>
  withServer([], async ({httpPort}) => {
    await makeCalls(httpPort);
    await withPrometheus(httpPort, async query => {
      const becomes = (expression, wanted) =>
        eventually(expression, async () => {
          const result = await query(expression);
          const value = result.length === 1 ? Number(result[0].value[1]) : undefined;
          return value === wanted || JSON.stringify(result);
        });
      await becomes('up{job="spanner-session-emulator"}', 1);
      const method = 'method="google.spanner.v1.Spanner.CreateSession"';
      await becomes(`${PREFIX}calls_total{${method},protocol="rest",code="OK"}`, 3);
      await becomes(`${PREFIX}sessions{kind="regular",database="${DATABASE}"}`, 3);
      await becomes(`${PREFIX}call_duration_seconds_bucket{${method},le="+Inf"}`, 3);
      await becomes(`sum(${PREFIX}calls_total{code="NOT_FOUND"})`, 1);
      // What has happened since is in the next scrape.
      await makeCalls(httpPort);
      await becomes(`${PREFIX}sessions_created_total{kind="regular"}`, 6);
      await becomes('count(process_start_time_seconds)', 1);
      for (const expression of expressions()) {
        const result = await query(filledIn(expression));
        if (!expression.includes('rate(')) assert.notStrictEqual(result.length, 0, expression);
      }
    });
  }),
);
