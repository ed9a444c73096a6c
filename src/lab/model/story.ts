import type { Address } from '../../address/address.ts';

/** A packet that a story sends to show something. */
export interface StoryPacket {
  /** Who sends it: `pod/NAMESPACE/NAME` or `node/NAME`. */
  readonly from: string;
  /** Where to, over TCP. */
  readonly address: Address;
  readonly port: number;
  /** Who is meant, or `the outside`. */
  readonly meant: string;
}

export interface StoryStep {
  readonly title: string;
  /** Paragraphs before the packets. */
  readonly text: readonly string[];
  readonly packets: readonly StoryPacket[];
  /** What is to be learnt from them. */
  readonly moral: string;
}

/** What a model shows, step by step. */
export interface Story {
  readonly title: string;
  readonly text: readonly string[];
  readonly steps: readonly StoryStep[];
}

/** How a story calls the host outside. */
export const OUTSIDE = 'the outside';

/** What became of a packet of a story. */
export interface Sighting {
  readonly from: string;
  readonly meant: string;
  /** `10.1.2.3:43210` */
  readonly target: string;
  /** The address that the sender's own socket had; absent where nobody answered. */
  readonly source?: string;
  /** Who got it. */
  readonly by?: string;
  /** The sender's address as whoever got it saw it. */
  readonly sees?: string;
  /** Where it arrived, as whoever got it saw it. */
  readonly at?: string;
  /** Why nobody answered: `timeout`, or the name of an errno. */
  readonly failure?: string;
}

/** What a story tells: first its head, then its steps with what was seen at that moment. */
export type StoryEvent =
  | { readonly kind: 'head'; readonly title: string; readonly text: readonly string[] }
  | {
      readonly kind: 'step';
      readonly title: string;
      readonly text: readonly string[];
      readonly sightings: readonly Sighting[];
      readonly moral: string;
    };
