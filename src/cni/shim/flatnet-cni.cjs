// The CNI executable where there is no C compiler: does what flatnet-cni.c does, which says how and why. The installed
// file has no extension, which makes it a CommonJS module; it loads nothing but what it needs, in order to start fast.
'use strict';
const { readFileSync, writeSync } = require('node:fs');
const { connect } = require('node:net');
const { basename } = require('node:path');

const PROTOCOL_VERSION = 1;
const RETRY_MILLISECONDS = 20;
const CODE_IO = 5;
const CODE_TRY_AGAIN_LATER = 11;
const CODE_NOT_AVAILABLE = 50;

const settings = readSettings(`${__filename}.conf`);
const command = process.env.CNI_COMMAND ?? '';

function readSettings(file) {
  const read = { socket: '/run/flatnet/cni.sock', wait: 10 };
  try {
    for (const line of readFileSync(file, 'utf8').split(/\r?\n/)) {
      if (line.startsWith('socket=')) read.socket = line.slice(7);
      if (line.startsWith('wait=')) read.wait = Number(line.slice(5)) || 0;
    }
  } catch {
    // The file may be absent: the defaults hold.
  }
  return read;
}

function finish(status, output) {
  let rest = Buffer.from(output);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // A full pipe of a caller that reads slowly, made non-blocking by somebody else.
      if (error.code !== 'EAGAIN') break;
    }
  }
  process.exit(status);
}

function fail(code, message) {
  const details = 'look at the agent on this node: its logs, and its state';
  finish(1, JSON.stringify({ cniVersion: '1.1.0', code, msg: `flatnet: ${message}`, details }));
}

function buildRequest() {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('CNI_'));
  const strings = [basename(process.argv[1]), ...variables.map(([name, value]) => `${name}=${value}`), ''];
  let input;
  try {
    input = readFileSync(0);
  } catch {
    return fail(CODE_IO, 'stdin cannot be read');
  }
  return Buffer.concat([Buffer.of(PROTOCOL_VERSION), Buffer.from(strings.map((text) => `${text}\0`).join('')), input]);
}

function ask(request, deadline) {
  const chunks = [];
  let connected = false;
  const agent = connect({ path: settings.socket, allowHalfOpen: true }, () => {
    connected = true;
    agent.end(request);
  });
  agent.on('data', (chunk) => chunks.push(chunk));
  agent.on('error', (error) => {
    if (!connected) away(error, request, deadline);
  });
  agent.on('close', () => {
    if (!connected) return;
    const reply = Buffer.concat(chunks);
    if (reply.length === 0) fail(CODE_TRY_AGAIN_LATER, 'the agent ended before it answered');
    else finish(reply[0], reply.subarray(1));
  });
}

function away(error, request, deadline) {
  const retriable = ['ENOENT', 'ECONNREFUSED', 'EAGAIN'].includes(error.code);
  if (retriable && performance.now() < deadline) return setTimeout(ask, RETRY_MILLISECONDS, request, deadline);
  if (command === 'VERSION') {
    const supportedVersions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];
    return finish(0, JSON.stringify({ cniVersion: '1.1.0', supportedVersions }));
  }
  const code = command === 'STATUS' ? CODE_NOT_AVAILABLE : CODE_TRY_AGAIN_LATER;
  return fail(code, `the agent cannot be reached at ${settings.socket}: ${error.code}`);
}

const patience = command === 'VERSION' || command === 'STATUS' ? 0 : settings.wait * 1000;
ask(buildRequest(), performance.now() + patience);
