"""Tables for docs/benchmarks.md from bench/results/*.json: `python3 bench/report.py` rewrites them between the marks."""
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def cell(value):
    if isinstance(value, dict):
        text = number(value['median'])
        low, high = number(value['min']), number(value['max'])
        return text if low == high else f'{text} ({low}–{high})'
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def number(value):
    if isinstance(value, int) or abs(value) >= 100:
        return f'{value:,.0f}'
    return f'{value:.3g}'


def table(rows):
    heads = list(rows[0])
    lines = ['| ' + ' | '.join(head.strip() for head in heads) + ' |', '| ' + ' | '.join('---' for _ in heads) + ' |']
    lines += ['| ' + ' | '.join(cell(row.get(head, '')) for head in heads) + ' |' for row in rows]
    return '\n'.join(lines)


def render(result):
    parts = [table(result['rows'])]
    parts += [note for note in result.get('notes', [])]
    parts.append(f'*{result["machine"]}; {result["date"]}.*')
    return '\n\n'.join(parts)


def main():
    path = ROOT / 'docs/benchmarks.md'
    text = path.read_text()
    for file in sorted((ROOT / 'bench/results').glob('*.json')):
        result = json.loads(file.read_text())
        mark = result['name']
        block = re.compile(f'(<!-- {mark} -->\n).*?(<!-- /{mark} -->)', re.S)
        if not block.search(text):
            print(f'docs/benchmarks.md has no place for {mark}')
        text = block.sub(lambda found: found[1] + render(result) + '\n' + found[2], text)
    path.write_text(text)


if __name__ == '__main__':
    main()
