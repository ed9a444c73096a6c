/**
 * fast-check as tests import it: properties draw from one seed, so that a suite that has passed passes again. With
 * FLATNET_TEST_SEED=random each run draws another one, and with a number that one.
 */
import fc from 'fast-check';

const SEED = 20_260;

const wanted = process.env.FLATNET_TEST_SEED ?? `${SEED}`;
if (!/^(random|-?\d+)$/.test(wanted)) throw new Error(`FLATNET_TEST_SEED is ${wanted}, neither a number nor random`);
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });

export { fc };
