// The icons, drawn on a 24-unit grid with one stroke width, as inline SVG.

const PATHS = {
  back: 'M15 5l-7 7 7 7',
  forward: 'M9 5l7 7-7 7',
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M4 7h16M4 12h16M4 17h10',
  folder: 'M3.5 7.5a2 2 0 0 1 2-2h3.6l2.2 2.3h7.2a2 2 0 0 1 2 2v6.7a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z',
  photos: 'M4 6.5a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM4.5 17l4.6-5 3.4 3.4 2.4-2.2 4.6 4M15.2 9.2h.01',
  memory: 'M5 19v-6M10 19V8M15 19v-9M20 19V5',
  model: 'M12 3.5l7.5 4.2v8.6L12 20.5l-7.5-4.2V7.7zM4.5 7.7l7.5 4.3 7.5-4.3M12 12v8.5',
  sun: 'M12 8.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 0 1 0-7.6zM12 3v1.6M12 19.4V21M3 12h1.6M19.4 12H21M5.6 5.6l1.2 1.2M17.2 17.2l1.2 1.2M5.6 18.4l1.2-1.2M17.2 6.8l1.2-1.2',
  moon: 'M19.5 14.2A8 8 0 0 1 9.8 4.5a7.9 7.9 0 1 0 9.7 9.7z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16M12 8h5.5M12 12h8M12 16h5.5',
  info: 'M12 3.8a8.2 8.2 0 1 1 0 16.4 8.2 8.2 0 0 1 0-16.4zM12 11v5M12 8h.01',
  help: 'M12 3.8a8.2 8.2 0 1 1 0 16.4 8.2 8.2 0 0 1 0-16.4zM9.8 9.6a2.3 2.3 0 1 1 3.4 2c-.8.5-1.2 1-1.2 1.9M12 16.4h.01',
  rotate_right: 'M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.8 3.6v3.9h-3.9',
  rotate_left: 'M4.5 12a7.5 7.5 0 1 0 2.4-5.5M4.2 3.6v3.9h3.9',
  fullscreen: 'M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9M15 4h3.5A1.5 1.5 0 0 1 20 5.5V9M20 15v3.5a1.5 1.5 0 0 1-1.5 1.5H15M9 20H5.5A1.5 1.5 0 0 1 4 18.5V15',
  fullscreen_exit: 'M9 4v3.5A1.5 1.5 0 0 1 7.5 9H4M20 9h-3.5A1.5 1.5 0 0 1 15 7.5V4M15 20v-3.5a1.5 1.5 0 0 1 1.5-1.5H20M4 15h3.5A1.5 1.5 0 0 1 9 16.5V20',
  zoom_in: 'M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.3 15.3L20 20M10.5 7.8v5.4M7.8 10.5h5.4',
  zoom_out: 'M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.3 15.3L20 20M7.8 10.5h5.4',
  fit: 'M4 7.5A2.5 2.5 0 0 1 6.5 5h11A2.5 2.5 0 0 1 20 7.5v9a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 4 16.5zM8 12h8M8 12l2-2M8 12l2 2M16 12l-2-2M16 12l-2 2',
  broken: 'M13.5 4.5H18a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-3.5M9.5 4.5H6a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h4.5M11.5 3l-1.6 5 3.2 3.3-2.6 4 1.5 5.7',
  chevron: 'M9 6l6 6-6 6',
  sort: 'M7 5v14M7 19l-3-3M7 19l3-3M13 7h8M13 12h6M13 17h3',
  grid_size: 'M4 5.5h7v6H4zM13.5 5.5H20v6h-6.5zM4 14h9v4.5H4zM15.5 14H20v4.5h-4.5z',
  grip: 'M8 10l4-4 4 4M8 14l4 4 4-4',
  offline: 'M4 4l16 16M8.2 8.8A6.5 6.5 0 0 0 6 12M12 18h.01M9 15a4 4 0 0 1 4.8-.9M3.2 9.5A12 12 0 0 1 6 7.3M10.5 5.7A12 12 0 0 1 20.8 9.5M16 12.3a7 7 0 0 1 1.7 1.2',
  lock: 'M6.5 11h11v8.5h-11zM8.8 11V8a3.2 3.2 0 0 1 6.4 0v3M12 14.5v1.8',
} as const;

export type IconName = keyof typeof PATHS;

const SVG = 'http://www.w3.org/2000/svg';

/** An icon for decoration; its button carries the name. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.appendChild(path);
  return svg;
}

export function set_icon(parent: Element, name: IconName): void {
  const old = parent.querySelector('svg.icon');
  if (old) old.replaceWith(icon(name));
  else parent.prepend(icon(name));
}
