package penstock.window;

import penstock.json.JsonWriter;
import penstock.number.Moments;
import penstock.number.Sum128;

/**
 * How a decayed sum or mean is written, from its sums over the windows of 1, 2, ... half-lives. With P_j the sum over the
 * last j of J half-lives, {@code 2**(J-1)} times the decayed sum is {@code P_J + 2**0 * P_(J-1) + 2**1 * P_(J-2) + ...};
 * the sum of the weights likewise, of counts. J is at most 32, so that neither can overflow.
 */
final class Decayed {
    private final int[] sums;
    private final Moments moments;
    private final boolean mean;

    /**
     * @param sums the places of the accumulators
     * @param mean the sum divided by the weights, or else the sum
     */
    Decayed(int[] sums, Moments moments, boolean mean) {
        this.sums = sums;
        this.moments = moments;
        this.mean = mean;
    }

    void write(Accumulator[] from, JsonWriter out) {
        Sum128 total = new Sum128();
        long weights = 0;
        int last = sums.length - 1;
        for (int j = 0; j <= last; j++) {
            Sums sum = (Sums) from[sums[j]];
            if (j < last) {
                total.twice();
                weights <<= 1;
            }
            total.add(sum.total());
            weights += sum.count();
        }
        if (!mean) {
            out.real(moments.mean(1L << last, total));
        } else if (weights == 0) {
            out.nothing();
        } else {
            out.real(moments.mean(weights, total));
        }
    }
}
