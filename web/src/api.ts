// What the server answers, and one place that asks it. Every failure leaves
// here as an ApiError, so that the rest of the page can tell "the server is
// gone" from "this picture is bad" from "you are not let in".

import type { Mark } from './memory/ledger';

/** Orders the server can list pictures in. */
export type SortKey = 'date' | 'name';
export type SortOrder = 'asc' | 'desc';

/** What a listing is of; two listings with equal scopes show the same pictures. */
export interface Scope {
  folder: string;
  sort: SortKey;
  order: SortOrder;
}

export interface ImageRecord {
  /** Percent-encoded, ready to stand in an address. */
  id: string;
  /** For people; lossy where the file name is not UTF-8. */
  path: string;
  width: number | null;
  height: number | null;
  date: string | null;
  /** The reason why the file cannot be shown, if it cannot. */
  error: string | null;
}

export interface ScanStatus {
  state: 'scanning' | 'done';
  found: number;
  indexed: number;
}

export interface ImagePage {
  total: number;
  offset: number;
  scan: ScanStatus;
  revision: number;
  images: ImageRecord[];
}

export interface AspectList {
  revision: number;
  total: number;
  aspects_permille: number[];
}

export interface FolderRecord {
  path: string;
  name: string;
  count: number;
}

export interface FolderList {
  revision: number;
  folders: FolderRecord[];
}

export interface MetadataEntry {
  group: string;
  name: string;
  value: string;
}

export interface ImageDetails {
  id: string;
  path: string;
  width: number | null;
  height: number | null;
  bytes: number;
  format: string | null;
  date: string | null;
  error: string | null;
  modified: string | null;
  color: string | null;
  levels: [number, number][];
  tile: [number, number] | null;
  icc: string | null;
  metadata: MetadataEntry[];
  location: { latitude: number; longitude: number } | null;
}

export interface ModelRecord {
  /** Percent-encoded, ready to stand in an address. */
  id: string;
  path: string;
  bytes: number;
  modified: string;
}

export interface ModelList {
  models: ModelRecord[];
  is_complete: boolean;
}

export interface ModelDetails {
  id: string;
  path: string;
  faces: number;
  vertices: number;
  box: { min: [number, number, number]; max: [number, number, number] } | null;
  /** Adds up to the total. */
  memory: { part: string; bytes: number }[];
  total_bytes: number;
  derived?: { part: string; bytes: number | null; error: string | null }[];
  objects: { name: string; faces: number }[];
  n_objects: number;
  report: { format: string; file_bytes: number; unit: string | null; is_truncated: boolean; remarks: string[] };
  loaded_in_ms: number;
}

/** Why a request failed, in the terms the page reacts to. */
export type FailureKind = 'unreachable' | 'unauthorized' | 'missing' | 'busy' | 'refused' | 'broken';

export class ApiError extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly status = 0,
    /** When the server says it may be asked again; 0 when it does not. */
    readonly retry_after_ms = 0,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export function is_abort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** The sentence for a person in an error answer: JSON for /api, plain text for IIIF. */
export function reason_in(body: string, status: number): string {
  const text = body.trim();
  if (text.startsWith('{')) {
    try {
      const parsed = JSON.parse(text) as { error?: unknown };
      if (typeof parsed.error === 'string' && parsed.error) return parsed.error;
    } catch {
      // Not JSON after all: fall through and treat it as text.
    }
  }
  if (text && text.length <= 400 && !text.startsWith('<')) return text;
  return `The server answered with status ${status}.`;
}

export function kind_of_status(status: number): FailureKind {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404 || status === 410) return 'missing';
  if (status === 413) return 'refused';
  if (status === 429 || status === 503) return 'busy';
  return 'broken';
}

/** Milliseconds in a Retry-After header given in seconds; dates and nonsense count as none. */
export function retry_after_ms(header: string | null): number {
  const seconds = header === null ? NaN : Number(header);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 0;
}

type Listener = (error: ApiError | null) => void;
const listeners = new Set<Listener>();

/** Calls back after every request: with null when the server answered, else with what went wrong. */
export function on_contact(listener: Listener): void {
  listeners.add(listener);
}

function report(error: ApiError | null): void {
  for (const listener of listeners) listener(error);
}

/** Fetches an address; throws ApiError, or the AbortError of `init.signal`. */
export async function request(url: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (is_abort(error)) throw error;
    const failure = new ApiError('unreachable', 'The Pixelbank server does not answer.');
    report(failure);
    throw failure;
  }
  if (response.ok) {
    report(null);
    return response;
  }
  const body = await response.text().catch(() => '');
  const failure = new ApiError(
    kind_of_status(response.status),
    reason_in(body, response.status),
    response.status,
    retry_after_ms(response.headers.get('Retry-After')),
  );
  report(failure.kind === 'unauthorized' ? failure : null);
  throw failure;
}

async function get_json<T>(url: string, signal?: AbortSignal): Promise<T> {
  const response = await request(url, signal ? { signal } : undefined);
  return (await response.json()) as T;
}

function scope_query(scope: Scope): string {
  const query = new URLSearchParams({ sort: scope.sort, order: scope.order });
  if (scope.folder) query.set('folder', scope.folder);
  return query.toString();
}

export const api = {
  images: (scope: Scope, offset: number, limit: number, signal?: AbortSignal) =>
    get_json<ImagePage>(`/api/images?offset=${offset}&limit=${limit}&${scope_query(scope)}`, signal),
  aspects: (scope: Scope, signal?: AbortSignal) =>
    get_json<AspectList>(`/api/aspects?${scope_query(scope)}`, signal),
  folders: (signal?: AbortSignal) => get_json<FolderList>('/api/folders', signal),
  details: (id: string, signal?: AbortSignal) => get_json<ImageDetails>(`/api/image/${id}`, signal),
  /** From here on the ledger says what is new. */
  mark: async () => (await (await request('/api/mark', { method: 'POST' })).json()) as Mark,
  models: (signal?: AbortSignal) => get_json<ModelList>('/api/models', signal),
  /** With `derived`, the server builds what is made of it on demand, and says how large each is. */
  model: (id: string, derived: boolean, signal?: AbortSignal) =>
    get_json<ModelDetails>(`/api/model/${id}${derived ? '?derived=1' : ''}`, signal),
  health: (signal?: AbortSignal) => request('/healthz', signal ? { signal } : undefined),
  json: get_json,
};

export function thumbnail_url(id: string): string {
  return `/iiif/3/${id}/full/!480,480/0/default.jpg`;
}

export function model_arrays_url(id: string): string {
  return `/api/model/${id}/arrays`;
}

export function info_url(id: string): string {
  return `/iiif/3/${id}/info.json`;
}
