// The list of keys, in a native dialog.

import { h } from '../dom';
import { icon } from '../icons';

const KEYS: [string, [string[], string][]][] = [
  [
    'Grid',
    [
      [['←', '→', '↑', '↓'], 'Move between pictures'],
      [['Home', 'End'], 'First and last picture'],
      [['Page ↑', 'Page ↓'], 'Move by a screen'],
      [['Enter'], 'Open the picture'],
      [['+', '−'], 'Larger and smaller rows'],
    ],
  ],
  [
    'Everywhere',
    [
      [['m'], 'Memory page'],
      [['v'], 'Memory page: host or GPU'],
      [['s'], 'Show or hide the folders'],
      [['t'], 'Light, dark, or as the system'],
      [['?'], 'These keys'],
    ],
  ],
  [
    'Picture',
    [
      [['←', '→'], 'Previous and next'],
      [['+', '−'], 'Zoom in and out'],
      [['0', '1'], 'Fit, and one to one'],
      [['Space'], 'Switch between fit and one to one'],
      [['Shift', 'arrows'], 'Move the view'],
      [['r', 'l'], 'Rotate right and left'],
      [['i'], 'Details'],
      [['f'], 'Full screen'],
      [['Esc'], 'Back to the grid'],
    ],
  ],
];

export class Help {
  readonly element: HTMLDialogElement;

  constructor() {
    this.element = h(
      'dialog',
      { class: 'help', 'aria-labelledby': 'help-title' },
      h(
        'header',
        { class: 'help-head' },
        h('h2', { id: 'help-title' }, 'Keys'),
        h('button', { class: 'tool', type: 'button', 'aria-label': 'Close', onclick: () => this.element.close() }, icon('close')),
      ),
      h(
        'div',
        { class: 'help-groups' },
        ...KEYS.map(([title, rows]) =>
          h(
            'section',
            {},
            h('h3', {}, title),
            h(
              'dl',
              {},
              ...rows.map(([keys, text]) =>
                h('div', {}, h('dt', {}, ...keys.map((key) => h('kbd', {}, key))), h('dd', {}, text)),
              ),
            ),
          ),
        ),
      ),
    );
    this.element.addEventListener('click', (event) => {
      if (event.target === this.element) this.element.close();
    });
  }

  toggle(parent: HTMLElement): void {
    if (this.element.open) {
      this.element.close();
      return;
    }
    // In full screen only what is inside the full-screen element is drawn.
    parent.append(this.element);
    this.element.showModal();
  }
}
