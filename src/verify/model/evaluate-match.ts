import type { Expression, Statement } from '../../netfilter/node.ts';
import { evaluate, evaluateKey } from './evaluate-expression.ts';
import { findElement } from './find-element.ts';
import type { EvaluationContext, Flight } from './flight.ts';
import { observeLiteral, observeOrder } from './observe-comparison.ts';
import { observeLookup } from './observe-lookup.ts';
import {
  ABSENT,
  type Answer,
  both,
  certain,
  covers,
  UNKNOWN,
  type Value,
  type Values,
  type Weighted,
} from './value.ts';

type MatchStatement = Extract<Statement, { readonly kind: 'match' }>;

const YES = certain<Answer>(true);
const NO = certain<Answer>(false);

/** Whether a match holds, with probabilities where it asks for a random number. */
export function evaluateMatch(
  statement: MatchStatement,
  flight: Flight,
  context: EvaluationContext,
): readonly Weighted<Answer>[] {
  const { left, right, operator } = statement;
  const drawn = left.kind === 'numgen' || left.kind === 'jhash' ? drawnShare(left, statement) : undefined;
  if (drawn !== undefined) return drawn;
  const lefts = evaluateKey(left, flight, context);
  const [only] = lefts;
  if (lefts.length === 1 && only !== undefined)
    return compareWith(left, only.content, operator, right, flight, context);
  return lefts.flatMap(({ content, probability }) =>
    compareWith(left, content, operator, right, flight, context).map((answer) => ({
      content: answer.content,
      probability: both(probability, answer.probability),
    })),
  );
}

function compareWith(
  left: Expression,
  values: Values,
  operator: MatchStatement['operator'],
  right: Expression,
  flight: Flight,
  context: EvaluationContext,
): readonly Weighted<Answer>[] {
  // a rule that reads what the packet hasn't got ends there
  if (values.includes(ABSENT)) return NO;
  switch (right.kind) {
    case 'literal': {
      const [value = UNKNOWN] = values;
      if (operator !== '==' && operator !== '!=') break;
      observeLiteral(left, value, right.literal);
      const answer = covers(right.literal, value);
      return answerOf(operator === '!=' ? inverse(answer) : answer);
    }
    case 'set':
    case 'set-reference': {
      const elements = right.kind === 'set' ? right.elements : context.findSet(right.name)?.elements;
      const found = elements === undefined ? UNKNOWN : findElement(elements, values);
      observeLookup(left, values, elements, found, false);
      const answer = found === UNKNOWN ? UNKNOWN : found !== undefined;
      return answerOf(operator === '!=' ? inverse(answer) : answer);
    }
    default:
  }
  return evaluate(right, flight, context).map(({ content, probability }) => {
    const [value = UNKNOWN] = values;
    const [other = UNKNOWN] = content;
    observeOrder(left, value, operator, other);
    return { content: compare(value, operator, other), probability };
  });
}

function answerOf(answer: Answer): readonly Weighted<Answer>[] {
  return answer === true ? YES : answer === false ? NO : certain<Answer>(UNKNOWN);
}

function inverse(answer: Answer): Answer {
  return answer === UNKNOWN ? UNKNOWN : !answer;
}

function compare(left: Value, operator: MatchStatement['operator'], right: Value): Answer {
  if (left === ABSENT || right === ABSENT) return false;
  if (left === UNKNOWN || right === UNKNOWN) return UNKNOWN;
  if (typeof left !== typeof right) return UNKNOWN;
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '<=':
      return left <= right;
    case '>=':
      return left >= right;
    case 'in':
      return typeof left === 'bigint' && typeof right === 'bigint' ? (left & right) !== 0n : UNKNOWN;
    default: {
      const never: never = operator;
      return never;
    }
  }
}

type RandomExpression = Extract<Expression, { readonly kind: 'numgen' | 'jhash' }>;

/** The share of random numbers that a comparison with one number holds for, without walking through them. */
function drawnShare(
  { modulus, offset }: RandomExpression,
  { operator, right }: MatchStatement,
): readonly Weighted<Answer>[] | undefined {
  if (right.kind !== 'literal' || right.literal.kind !== 'number') return undefined;
  const number = right.literal.value - offset;
  const below = Math.min(Math.max(number, 0), modulus);
  const at = number >= 0 && number < modulus ? 1 : 0;
  const counts: Partial<Record<MatchStatement['operator'], number>> = {
    '==': at,
    '!=': modulus - at,
    '<': below,
    '<=': below + at,
    '>': modulus - below - at,
    '>=': modulus - below,
  };
  const count = counts[operator];
  if (count === undefined) return undefined;
  const answers: Weighted<Answer>[] = [
    { content: true, probability: count / modulus },
    { content: false, probability: 1 - count / modulus },
  ];
  return answers.filter(({ probability }) => probability !== 0);
}
