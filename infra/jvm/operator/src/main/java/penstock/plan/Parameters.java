package penstock.plan;

/**
 * What some aggregates are given beside their argument. {@code numerator / denominator} is the share of values at or
 * below a percentile, in lowest terms; 0 / 1 where there is none.
 */
public record Parameters(long numerator, long denominator) {}
