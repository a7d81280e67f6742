// The server's control API, by REST: what calls are to get, what goes wrong with
// them, which ones have come, and how sessions and the clock are moved.
'use strict';

const LIMIT_MS = 10_000;

class Control {
  constructor({httpPort}) {
    this.url = `http://localhost:${httpPort}/emulator/v1/`;
  }

  // Adds a stub that answers the first call that matches with the first of
  // `answers`, the second with the second, and all others with the last.
  async stub(match, ...answers) {
    const stub = answers.length === 1 ? {match, answer: answers[0]} : {match, answers};
    return this.#call('POST', 'stubs', stub);
  }

  // How many calls the stub has answered, or the fault has come over.
  async hits({name}) {
    return Number((await this.#call('GET', name)).hitCount ?? 0);
  }

  // Adds a fault for the calls of these `methods`; no methods stand for all.
  async addFault(methods, {match, ...fault}) {
    return this.#call('POST', 'faults', {match: {methods, ...match}, ...fault});
  }

  async deleteFault({name}) {
    await this.#call('DELETE', name);
  }

  // Lets the calls go on that the fault holds; returns how many.
  async release({name}) {
    return Number((await this.#call('POST', `${name}:release`, {})).callCount ?? 0);
  }

  // Resolves when the fault holds so many calls.
  async held({name}, count) {
    const end = performance.now() + LIMIT_MS;
    let held;
    do {
      held = Number((await this.#call('GET', name)).heldCallCount ?? 0);
      if (held === count) return;
    } while (performance.now() < end);
    throw new Error(`${name} holds ${held} calls, and not ${count}`);
  }

  async seedFaults(seed) {
    await this.#call('POST', 'faultSeed:set', {seed});
  }

  // What the journal has of the calls of this method that the other terms of a
  // filter want too, the oldest first, when `count` of them have ended. More
  // than these are an error.
  async calls(method, count, ...terms) {
    const filter = [`method = "${method}"`, ...terms].join(' AND ');
    await this.waitFor(filter, count);
    const entries = await this.journal(filter);
    if (entries.length !== count) {
      throw new Error(`${entries.length} calls, and not ${count}: ${JSON.stringify(entries)}`);
    }
    return entries;
  }

  // Resolves when the journal has so many calls that have ended.
  async waitFor(filter, count = 1) {
    const timeout = `${LIMIT_MS / 1000}s`;
    await this.#call('POST', 'journal:wait', {filter, entryCount: count, timeout});
  }

  // What the journal has that the filter wants, the oldest first.
  async journal(filter) {
    const query = new URLSearchParams({filter});
    return (await this.#call('GET', `journal/entries?${query}`)).entries ?? [];
  }

  // Aborts all transactions that are open and write; returns how many.
  async abortTransactions() {
    const {transactionCount} = await this.#call('POST', 'transactions:abort', {selection: {}});
    return Number(transactionCount ?? 0);
  }

  async limitSessions(limits) {
    return this.#call('POST', 'sessionLimits:set', limits);
  }

  // Of all databases.
  async sessionCounts() {
    return this.#call('GET', 'sessionCounts');
  }

  // Deletes every session, as if the server had lost them; returns how many.
  async loseSessions() {
    return Number((await this.#call('POST', 'sessions:delete', {selection: {}})).sessionCount);
  }

  // Makes the clock stand still; returns its time.
  async stopClock() {
    return (await this.#call('POST', 'clock:stop', {})).time;
  }

  async #call(method, path, message) {
    const response = await fetch(this.url + path, {
      method,
      headers: {'content-type': 'application/json'},
      body: message && JSON.stringify(message),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text);
  }
}

module.exports = {Control};
