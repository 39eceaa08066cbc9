package penstock.plan;

import java.util.List;

/**
 * What some aggregates are given beside their argument. {@code numerator / denominator} is the share of values at or
 * below a percentile, in lowest terms; {@code k} the most elements of a list, or
 * those of a vector; {@code edges} those of a histogram's bins,
 * as bits of its argument's type. 0 / 1, 0 and none where there is nothing.
 */
public record Parameters(long numerator, long denominator, int k, List<Long> edges) {}
