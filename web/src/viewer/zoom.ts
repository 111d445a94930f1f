// Scales and zoom levels of the viewer. A scale is CSS pixels per picture
// pixel; OpenSeadragon's zoom is the picture's width in widths of its window.

export interface Size {
  width: number;
  height: number;
}

/** Whether a rotation lays the picture on its side. */
export function is_sideways(degrees: number): boolean {
  return Math.abs(Math.round(degrees / 90)) % 2 === 1;
}

/** The scale that shows the whole picture; never larger than one picture pixel per device pixel. */
export function fit_scale(image: Size, stage: Size, degrees: number, device_ratio: number): number {
  const width = is_sideways(degrees) ? image.height : image.width;
  const height = is_sideways(degrees) ? image.width : image.height;
  return Math.min(stage.width / width, stage.height / height, 1 / device_ratio);
}

export function zoom_of_scale(scale: number, image_width: number, stage_width: number): number {
  return (scale * image_width) / stage_width;
}

export function scale_of_zoom(zoom: number, image_width: number, stage_width: number): number {
  return (zoom * stage_width) / image_width;
}

export type Swipe = 'next' | 'previous' | 'close' | null;

/** What a finger's drag over an unzoomed picture means. */
export function swipe_of(dx_px: number, dy_px: number, stage: Size): Swipe {
  const across = Math.abs(dx_px);
  const down = Math.abs(dy_px);
  if (across > Math.min(80, stage.width * 0.18) && across > 1.4 * down) return dx_px < 0 ? 'next' : 'previous';
  if (dy_px > Math.min(120, stage.height * 0.2) && down > 1.6 * across) return 'close';
  return null;
}
