package penstock.window;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import penstock.plan.Feature;
import penstock.plan.PlanException;

/**
 * All that this module knows of an aggregate: its family, which tells what is kept for it, and how a value is written
 * from that. An aggregate's name in plans is its own in lower case.
 */
enum Aggregate {
    COUNT(Family.COUNT, asked -> Count::emit),
    SUM(1, asked -> Sums.sum(asked.type(), asked.moments())),
    MEAN(1, asked -> Sums.mean(asked.moments())),
    VAR(2, asked -> Sums.variance(asked.moments(), false)),
    STD(2, asked -> Sums.variance(asked.moments(), true)),
    SKEW(4, asked -> Sums::skewness),
    KURTOSIS(4, asked -> Sums::kurtosis),
    DECAYED_SUM(false),
    DECAYED_MEAN(true),
    MIN(Family.LEAST, asked -> asked.lasting() ? Single.emit(asked.type()) : Extreme.emit(asked.type())),
    MAX(Family.GREATEST, asked -> asked.lasting() ? Single.emit(asked.type()) : Extreme.emit(asked.type())),
    FIRST(Family.FIRST, asked -> Single.emit(asked.type())),
    LAST(Family.LAST, asked -> Single.emit(asked.type())),
    DISTINCT(Family.MULTISET, asked -> Multiset::distinct),
    PERCENTILE(Family.MULTISET, asked -> Multiset.percentile(asked.type(), asked.parameters())),
    TOP_K(Family.MULTISET, asked -> Multiset.top(asked.type(), asked.parameters().k())),
    ARGMAX(Family.GREATEST_BY, asked -> Chosen.emit(asked.type())),
    ARGMIN(Family.LEAST_BY, asked -> Chosen.emit(asked.type())),
    LAST_K(Family.NEWEST, asked -> Ends.Newest.emit(asked.type())),
    FIRST_K(Family.OLDEST, asked -> Ends.Oldest.emit(asked.type())),
    HISTOGRAM(Family.HISTOGRAM, asked -> Histogram::emit),
    LATEST(Family.LATEST, asked -> Latest.emit(asked.feature().arg()));

    private static final Map<String, Aggregate> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toMap(Aggregate::planName, Function.identity()));

    final Family family;
    /** The greatest power of the values whose sum it needs; 0: it needs none. */
    final int powers;
    /** Is its value made of sums over several windows, which it weighs by their age? */
    final boolean decays;

    private final boolean divided;
    private final Function<Asked, Accumulator.Emit> emit;

    Aggregate(Family family, Function<Asked, Accumulator.Emit> emit) {
        this(family, 0, emit, false, false);
    }

    Aggregate(int powers, Function<Asked, Accumulator.Emit> emit) {
        this(Family.SUMS, powers, emit, false, false);
    }

    /** @param divided by the sum of the weights? */
    Aggregate(boolean divided) {
        this(
                Family.SUMS,
                1,
                asked -> {
                    throw new IllegalStateException("a decayed value is written from several accumulators");
                },
                true,
                divided);
    }

    Aggregate(Family family, int powers, Function<Asked, Accumulator.Emit> emit, boolean decays, boolean divided) {
        this.family = family;
        this.powers = powers;
        this.emit = emit;
        this.decays = decays;
        this.divided = divided;
    }

    /** The aggregate of a feature. Refuses one that is not carried. */
    static Aggregate of(Feature feature) {
        Aggregate aggregate = BY_NAME.get(feature.aggregate());
        if (aggregate == null) {
            throw new PlanException("aggregate " + feature.aggregate() + " is not carried");
        }
        return aggregate;
    }

    String planName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** How a feature's value is written from its accumulator. */
    Accumulator.Emit emit(Asked asked) {
        return emit.apply(asked);
    }

    /** How a value that decays is written from its accumulators. */
    Decayed emitDecayed(Asked asked, int[] sums) {
        return new Decayed(sums, asked.moments(), divided);
    }

    /** How large the state is that it keeps. {@code lasting}: over a window that its events do not leave one by one. */
    Size size(boolean lasting) {
        return family.size(this, lasting);
    }
}
