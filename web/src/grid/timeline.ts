// Dates along a listing that is sorted by date, from a few dozen samples, so
// that a scroll position has a date long before its records are at hand.

import { date_parts } from '../format';

export interface Sample {
  index: number;
  date: string | null;
}

export interface YearMark {
  year: number;
  /** Share of the listing before the first picture of the year, 0 to 1. */
  share: number;
}

/** Evenly spread indexes including both ends. */
export function sample_indexes(total: number, n: number): number[] {
  if (total <= 0) return [];
  const count = Math.min(n, total);
  const out: number[] = [];
  for (let k = 0; k < count; k++) {
    const index = count === 1 ? 0 : Math.round((k * (total - 1)) / (count - 1));
    if (out[out.length - 1] !== index) out.push(index);
  }
  return out;
}

/** The date of the sample nearest before `index`, or null before any is known. */
export function date_near(samples: Sample[], index: number): string | null {
  let best: Sample | undefined;
  for (const sample of samples) {
    if (!best || Math.abs(sample.index - index) < Math.abs(best.index - index)) best = sample;
  }
  return best?.date ?? null;
}

/** Where years begin, in the listing's order, between the samples that differ. */
export function year_marks(samples: Sample[], total: number): YearMark[] {
  const marks: YearMark[] = [];
  let previous: Sample | null = null;
  for (const sample of samples) {
    const year = date_parts(sample.date)?.year;
    if (year !== undefined && marks[marks.length - 1]?.year !== year) {
      const index = previous ? (previous.index + sample.index) / 2 : sample.index;
      marks.push({ year, share: total > 1 ? index / (total - 1) : 0 });
    }
    previous = sample;
  }
  return marks;
}

/** Drops marks that would stand closer than `min_share` to the one before. */
export function thin_marks(marks: YearMark[], min_share: number): YearMark[] {
  const kept: YearMark[] = [];
  for (const mark of marks) {
    const last = kept[kept.length - 1];
    if (!last || mark.share - last.share >= min_share) kept.push(mark);
  }
  return kept;
}
