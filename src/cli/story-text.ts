import type { Sighting, StoryEvent } from '../lab/model/story.ts';
import { OUTSIDE } from '../lab/model/story.ts';

const WIDTH = 110;

/** A part of a story for people: packets as commands to try, and what was seen of them. */
export function formatStoryEvent(event: StoryEvent, number: number, lab: string): string {
  if (event.kind === 'head') return [event.title, '='.repeat(event.title.length), '', ...event.text, ''].join('\n');
  const { title, text, sightings, moral } = event;
  const head = `${number}. ${title}`;
  return [
    head,
    '-'.repeat(head.length),
    ...text,
    '',
    ...sightings.flatMap((sighting) => [...formatSighting(sighting, lab), '']),
    ...wrap(moral),
    '',
  ].join('\n');
}

function formatSighting({ from, meant, target, source, by, sees, at, failure }: Sighting, lab: string): string[] {
  const where = from.replace(/^pod\//, '');
  const name = lab === 'default' ? '' : ` --name ${lab}`;
  const command = `  $ flatnet lab exec${name} ${where} -- curl -s http://${target.replace(/:80$/, '')}/`;
  if (failure !== undefined) return [command, `    meant for ${shown(meant)}; nobody answered: ${failure}`];
  const receiver = by === from ? `${shown(by)} itself` : shown(by ?? '');
  const mark = by === meant ? '' : '  ✘';
  const changes = [
    ...(source === sees ? [] : [`it sees ${sees} as the sender`]),
    ...(at === target ? [] : [`it got it at ${at}`]),
  ];
  const change = changes.length === 0 ? 'unchanged' : `changed: ${changes.join(', ')}`;
  return [
    command,
    `    ${source} → ${target}, meant for ${shown(meant)}`,
    `    received by ${receiver}, ${change}${mark}`,
  ];
}

function shown(participant: string): string {
  return participant === OUTSIDE ? participant : participant.replace(/^(pod|node)\//, '');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
