import type { ControlClient } from '../lab/control-client.ts';
import type { StoryEvent } from '../lab/model/story.ts';
import { type Command, NAME_OPTION, OUTPUT_OPTION, parseArguments, wantsJson } from './command.ts';
import { connectToLab } from './lab-connection.ts';
import { formatStoryEvent } from './story-text.ts';

/** Tells how a lab's model works. */
export const labStory: Command = {
  usage: `Usage: flatnet lab story [--name NAME] [-o text|json]
Tells how the model of a lab (docker, kubernetes, marathon) works, with real packets that are sent as it is told.`,
  async run(args) {
    const { values } = parseArguments(args, { ...NAME_OPTION, ...OUTPUT_OPTION });
    const json = wantsJson(values.output);
    using lab = await connectToLab(values.name);
    if (!json) await printStory(lab, values.name);
    else {
      const events: unknown[] = [];
      await lab.request('story', {}, { onEvent: (event) => events.push(event) });
      process.stdout.write(`${JSON.stringify(events)}\n`);
    }
    return 0;
  },
};

/** Prints the story of a lab as it is told. */
export async function printStory(lab: ControlClient, name: string): Promise<void> {
  let number = 0;
  const onEvent = (event: unknown) =>
    process.stdout.write(`${formatStoryEvent(event as StoryEvent, number++, name)}\n`);
  await lab.request('story', {}, { onEvent });
}
