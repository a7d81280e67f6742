// Every code block of the documentation is run by a test, or from a file that is.
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const test = require('node:test');
const {blocksOf, pages} = require('./pages.js');

const makefile = fs.readFileSync('Makefile', 'utf8');

const dedented = text => text.replace(/^[ \t]+/gm, '');

function check({language, text, from}) {
  if (from !== null) {
    // A run of whole lines.
    const file = `\n${dedented(fs.readFileSync(from, 'utf8'))}\n`;
    assert.ok(file.includes(`\n${dedented(text)}`), `it is not in ${from}`);
    return;
  }
  switch (language) {
    case 'console':  // transcripts.test.js runs it.
      return;
    case 'sh':  // The same, but for `make`, which runs the tests.
      for (const [, target] of text.matchAll(/^make ([a-z-]+)/gm)) {
        assert.match(makefile, new RegExp(`^${target}:.*##`, 'm'), 'no such target');
      }
      return;
    case 'text':  // No code.
      assert.doesNotMatch(text, /^ *(curl|bazel|make|docker|\$) /m, 'this is code');
      return;
    default:
      assert.fail('neither a transcript nor from a file');
  }
}

for (const page of pages) {
  test(page, () => {
    for (const block of blocksOf(page)) {
      if (block.flags !== undefined) continue;
      try {
        check(block);
      } catch (error) {
        throw new Error(`${page}, line ${block.line}: ${error.message}`);
      }
    }
  });
}

test('there are pages', () => assert.ok(pages.length > 15, pages.join()));
