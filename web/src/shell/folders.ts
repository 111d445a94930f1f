// The folder tree: built from the flat list, only opened branches are drawn.

import type { FolderRecord } from '../api';
import { h, replace } from '../dom';
import { count_text } from '../format';
import { icon } from '../icons';

export interface FolderNode {
  path: string;
  name: string;
  count: number;
  children: FolderNode[];
}

/** Puts the list, sorted by path, into a tree; the top folder is the root. */
export function folder_tree(folders: FolderRecord[]): FolderNode {
  const root: FolderNode = { path: '', name: 'Photographs', count: 0, children: [] };
  const nodes = new Map<string, FolderNode>([['', root]]);
  for (const folder of folders) {
    if (folder.path === '') {
      root.name = folder.name || root.name;
      root.count = folder.count;
      continue;
    }
    const node: FolderNode = { ...folder, children: [] };
    nodes.set(folder.path, node);
    // A folder that holds no picture itself may be missing from the list: hang
    // the branch on the nearest one above.
    let parent = folder.path;
    do parent = parent.includes('/') ? parent.slice(0, parent.lastIndexOf('/')) : '';
    while (!nodes.has(parent));
    nodes.get(parent)!.children.push(node);
  }
  return root;
}

/** The folders above a path, the top one first, and the path itself. */
export function crumbs_of(path: string): { path: string; name: string }[] {
  const out: { path: string; name: string }[] = [];
  if (!path) return out;
  const parts = path.split('/');
  parts.forEach((name, i) => out.push({ path: parts.slice(0, i + 1).join('/'), name }));
  return out;
}

export class FolderTree {
  readonly element: HTMLElement;
  #root: FolderNode = folder_tree([]);
  #open = new Set<string>();
  #current = '';

  constructor(private readonly href: (folder: string) => string) {
    this.element = h('div', { class: 'folder-tree' });
  }

  get root_name(): string {
    return this.#root.name;
  }

  set_folders(folders: FolderRecord[]): void {
    const first = this.#root.count === 0;
    this.#root = folder_tree(folders);
    this.#draw();
    if (first) this.element.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }

  set_current(folder: string): void {
    this.#current = folder;
    for (const crumb of crumbs_of(folder).slice(0, -1)) this.#open.add(crumb.path);
    this.#draw();
    this.element.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }

  #draw(): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset['focusKey'];
    const scroll = this.element.scrollTop;
    replace(
      this.element,
      h('ul', { class: 'folder-list' }, this.#item(this.#root, 0), ...this.#root.children.map((node) => this.#item(node, 0))),
    );
    this.element.scrollTop = scroll;
    if (focused) {
      for (const element of this.element.querySelectorAll<HTMLElement>('[data-focus-key]')) {
        if (element.dataset['focusKey'] === focused) element.focus();
      }
    }
  }

  #item(node: FolderNode, depth: number): HTMLElement {
    const is_root = node === this.#root;
    const expandable = !is_root && node.children.length > 0;
    const open = expandable && this.#open.has(node.path);
    const link = h(
      'a',
      {
        class: 'folder-link',
        href: this.href(node.path),
        'aria-current': node.path === this.#current ? 'page' : null,
        'data-focus-key': `link:${node.path}`,
      },
      icon(is_root ? 'photos' : 'folder'),
      h('span', { class: 'folder-name' }, is_root ? `All of ${node.name}` : node.name),
      h('span', { class: 'folder-count' }, count_text(node.count)),
    );
    const toggle = expandable
      ? h(
          'button',
          {
            class: 'folder-toggle',
            type: 'button',
            'aria-expanded': String(open),
            'aria-label': `Folders in ${node.name}`,
            'data-focus-key': `toggle:${node.path}`,
            onclick: () => {
              if (open) this.#open.delete(node.path);
              else this.#open.add(node.path);
              this.#draw();
            },
          },
          icon('chevron'),
        )
      : h('span', { class: 'folder-toggle' });
    const row = h('div', { class: 'folder-row' }, toggle, link);
    row.style.setProperty('--depth', String(depth));
    return h(
      'li',
      {},
      row,
      open && h('ul', { class: 'folder-list' }, ...node.children.map((child) => this.#item(child, depth + 1))),
    );
  }
}
