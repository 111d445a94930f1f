// A stand-in for the Rust server, for working on the page and for its tests:
// the same addresses and answers over a made-up library with drawn pictures.
// It is never part of what is shipped.
//
//   node dev/mock-server.mjs [--port 4480] [--count 100000] [--scan SECONDS]
//                            [--token T] [--latency MS] [--devices] [--empty]
//                            [--old]   (a ledger without marks and events)

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { details_of, folders_of, make_library, sorted } from './library.mjs';
import { info, picture } from './iiif.mjs';
import { MockLedger } from './ledger.mjs';
import { arrays_of, describe, list_models, model_of } from './models.mjs';

const args = process.argv.slice(2);
const option = (name, fallback) => {
  const k = args.indexOf(`--${name}`);
  return k < 0 ? fallback : args[k + 1];
};
const port = Number(option('port', '4480'));
const count = args.includes('--empty') ? 0 : Number(option('count', '100000'));
const scan_ms = Number(option('scan', '0')) * 1000;
const latency_ms = Number(option('latency', '0'));
const token = option('token', '');
const dist = join(fileURLToPath(new URL('.', import.meta.url)), '../dist');

const library = make_library(count);
const by_id = new Map(library.map((entry) => [entry.id, entry]));
const ledger = new MockLedger(count, args.includes('--devices'), args.includes('--old'));
const started = Date.now();
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const POLICY = "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'";

/** How far the pretended scan is: files are found first, then read in a scattered order. */
function scan() {
  if (!scan_ms) return { state: 'done', found: count, indexed: count, revision: 1 };
  const share = Math.min(1, (Date.now() - started) / scan_ms);
  const step = Math.floor(share * 40) / 40;
  const found = Math.min(count, Math.ceil(count * step * 2.5));
  const indexed = Math.min(found, Math.floor(count * step));
  return { state: share < 1 ? 'scanning' : 'done', found, indexed, revision: 1 + Math.floor(share * 40) };
}

let cached = { key: '', list: [] };
function listing(query) {
  const { found, indexed, revision } = scan();
  const sort = query.get('sort') === 'name' ? 'name' : 'date';
  const order = query.get('order') ?? (sort === 'date' ? 'desc' : 'asc');
  const folder = query.get('folder') ?? '';
  const key = [sort, order, folder, revision].join('|');
  if (cached.key !== key) {
    const stride = 7919;
    const present = library.filter((_, i) => (i * stride) % Math.max(1, count) < found);
    const known = present.map((entry) =>
      (entry.seed * stride) % Math.max(1, count) < indexed ? entry : { ...entry, width: null, height: null, date: null, error: null },
    );
    const inside = folder ? known.filter((entry) => entry.path.startsWith(`${folder}/`)) : known;
    cached = { key, list: sorted(inside, sort, order) };
  }
  return { list: cached.list, revision };
}

function send_json(response, value, status = 200) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' });
  response.end(JSON.stringify(value));
}

function send_text(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(text);
}

function api(request, response, path, query) {
  if (path === '/api/mark' && !ledger.is_old) {
    if (request.method !== 'POST') return send_json(response, { error: 'This address does not know that method.' }, 405);
    return send_json(response, ledger.set_mark());
  }
  if (path === '/api/images') {
    const { list, revision } = listing(query);
    const offset = Number(query.get('offset') ?? 0);
    const limit = Math.min(2000, Number(query.get('limit') ?? 500));
    const { state, found, indexed } = scan();
    const images = list.slice(offset, offset + limit).map(({ seed, ...record }) => record);
    return send_json(response, { total: list.length, offset, scan: { state, found, indexed }, revision, images });
  }
  if (path === '/api/aspects') {
    const { list, revision } = listing(query);
    const aspects_permille = list.map((e) => (e.width ? Math.round((e.width * 1000) / e.height) : 0));
    return send_json(response, { revision, total: list.length, aspects_permille });
  }
  if (path === '/api/folders') {
    const { list, revision } = listing(new URLSearchParams());
    return send_json(response, { revision, folders: folders_of(list) });
  }
  if (path.startsWith('/api/image/')) {
    const entry = by_id.get(path.slice('/api/image/'.length));
    return entry ? send_json(response, details_of(entry)) : send_json(response, { error: 'There is no such picture.' }, 404);
  }
  if (path === '/api/ledger') return send_json(response, ledger.snapshot(query.get('history') !== '0'));
  if (path === '/api/models') return send_json(response, list_models());
  if (path.startsWith('/api/model/')) return send_model(response, path.slice('/api/model/'.length), query);
  return send_json(response, { error: 'There is nothing at this address.' }, 404);
}

function send_model(response, target, query) {
  const [id, part] = target.split('/');
  const model = model_of(id);
  if (!model) return send_json(response, { error: 'There is no model of this name here.' }, 404);
  if (model.error) return send_json(response, { error: model.error }, model.status);
  if (part !== 'arrays') return send_json(response, describe(model, query.get('derived') === '1'));
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
  return response.end(arrays_of(model));
}

function iiif(request, response, path) {
  const [id, ...rest] = path.slice('/iiif/3/'.length).split('/');
  const entry = by_id.get(id);
  if (!entry) return send_text(response, 404, 'There is no such picture.');
  if (entry.error) return send_text(response, 422, entry.error);
  const cache = { 'Cache-Control': 'max-age=60' };
  if (rest.length === 1 && rest[0] === 'info.json') {
    ledger.touch_bitmap(entry.width * entry.height * 0.6);
    response.writeHead(200, { ...cache, 'Content-Type': 'application/ld+json' });
    return response.end(JSON.stringify(info(entry, `http://${request.headers.host}`)));
  }
  if (rest.length !== 4) return send_text(response, 400, 'Expected region/size/rotation/quality.');
  const answer = picture(entry, rest.map(decodeURIComponent));
  if (typeof answer === 'string') return send_text(response, 400, answer);
  ledger.touch_tile();
  response.writeHead(200, { ...cache, 'Content-Type': 'image/svg+xml' });
  return response.end(answer.svg);
}

function file(response, path) {
  const name = path === '/' ? 'index.html' : normalize(path).replace(/^\/+/, '');
  try {
    const body = readFileSync(join(dist, name));
    response.writeHead(200, {
      'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
      'Content-Security-Policy': POLICY,
      'Cache-Control': name.startsWith('assets/') ? 'max-age=31536000, immutable' : 'no-cache',
    });
    response.end(body);
  } catch {
    send_text(response, 404, 'There is nothing at this address.');
  }
}

const statistics = { requests: 0, aborted: 0 };

const server = createServer((request, response) => {
  const [path, search = ''] = request.url.split('?');
  const query = new URLSearchParams(search);
  const wait = path.startsWith('/iiif/') || path.startsWith('/api/') ? latency_ms : 0;
  statistics.requests += 1;
  let gone = false;
  response.on('close', () => {
    if (!response.writableFinished) {
      gone = true;
      statistics.aborted += 1;
    }
  });
  const answer = () => {
    if (gone) return;
    if (path === '/healthz') return send_text(response, 200, 'ok');
    if (path === '/mock/statistics') return send_json(response, statistics);
    if (token) {
      if (query.get('token') === token) response.setHeader('Set-Cookie', `pixelbank=${token}; HttpOnly; SameSite=Strict; Path=/`);
      else if (path.startsWith('/api/') || path.startsWith('/iiif/')) {
        if (!(request.headers.cookie ?? '').includes(`pixelbank=${token}`)) {
          return send_json(response, { error: 'A token is needed.' }, 401);
        }
      }
    }
    if (path.startsWith('/api/')) return api(request, response, path, query);
    if (path.startsWith('/iiif/3/')) return iiif(request, response, path);
    return file(response, path);
  };
  if (wait) setTimeout(answer, wait);
  else answer();
});

server.listen(port, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
