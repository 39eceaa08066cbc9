package penstock.window;

import java.util.function.Supplier;
import penstock.plan.PlanException;
import penstock.plan.Type;
import penstock.window.Size.Cost;
import penstock.window.Size.Times;

/** The kinds of accumulators. Features of one family, argument, condition and window share one, unless it is told apart. */
enum Family {
    COUNT(Stepped.BY_PART) {
        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            return () -> new Count(input);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return Size.fixed(LONG, 0);
        }
    },
    /** Those of one argument, condition and window are of the powers that all its features need. */
    SUMS(Stepped.BY_PART) {
        @Override
        String apart(Asked asked) {
            return " of powers up to " + asked.powers();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            double scale = asked.scale();
            int powers = asked.powers();
            return () -> new Sums(input, scale, powers >= 2, powers >= 3);
        }

        // a count and a sum; a sum of squares; the third and fourth powers of 2**53 in up to 2**32 events
        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            int squares = aggregate.powers >= 2 ? 3 * LONG : 0;
            int high = aggregate.powers >= 3 ? 3 * LONG + 4 * LONG : 0;
            return Size.fixed(LONG + 2 * LONG + squares + high, 0);
        }
    },
    LEAST(Stepped.BY_TIME) {
        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            return extreme(asked, false);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return lasting ? SINGLE : CANDIDATES;
        }
    },
    GREATEST(Stepped.BY_TIME) {
        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            return extreme(asked, true);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return lasting ? SINGLE : CANDIDATES;
        }
    },
    FIRST(Stepped.BY_PART) {
        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            return () -> new Single.First(input);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return SINGLE;
        }
    },
    LAST(Stepped.BY_TIME) {
        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            return () -> new Single.Last(input);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return SINGLE;
        }
    },
    /** Those of one argument, condition and window are ordered by count where one of its features needs it. */
    MULTISET(Stepped.NEVER) {
        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            boolean byCount = asked.together().contains(Aggregate.TOP_K);
            return () -> new Multiset(input, place, byCount);
        }

        // each different value with its count, once by each order
        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            int orders = aggregate == Aggregate.TOP_K ? 2 : 1;
            return new Size(Cost.of(2 * LONG, 0), Cost.of(orders * LONG, orders));
        }

        @Override
        boolean hasBlocks() {
            return true;
        }
    },
    GREATEST_BY(Stepped.NEVER) {
        @Override
        String apart(Asked asked) {
            return " " + asked.feature().by();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            return chosen(asked, true);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return chosen(lasting);
        }
    },
    LEAST_BY(Stepped.NEVER) {
        @Override
        String apart(Asked asked) {
            return " " + asked.feature().by();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            return chosen(asked, false);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return chosen(lasting);
        }
    },
    NEWEST(Stepped.NEVER) {
        @Override
        String apart(Asked asked) {
            return " " + asked.parameters().k();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            int k = asked.parameters().k();
            return () -> new Ends.Newest(input, k);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return Size.times(Times.K, LONG, 1);
        }
    },
    OLDEST(Stepped.NEVER) {
        @Override
        String apart(Asked asked) {
            return " " + asked.parameters().k();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            int k = asked.parameters().k();
            return () -> new Ends.Oldest(input, k);
        }

        // up to twice as many are kept
        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return Size.times(Times.K, 2 * LONG, 2);
        }
    },
    HISTOGRAM(Stepped.BY_PART) {
        @Override
        String apart(Asked asked) {
            return " " + asked.parameters().edges();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            Input input = asked.input();
            long[] edges = asked.parameters().edges().stream().mapToLong(Long::longValue).toArray();
            return () -> new Histogram(input, edges);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return Size.times(Times.BINS, LONG, 0);
        }
    },
    /** One for all arguments: a row of a table. */
    LATEST(Stepped.NEVER) {
        @Override
        String name(Asked asked) {
            return name();
        }

        @Override
        Supplier<Accumulator> maker(Asked asked, int place) {
            if (!asked.window().lifetime()) {
                throw new PlanException("aggregate latest is carried over a lifetime only");
            }
            Type[] types = asked.argTypes();
            return () -> new Latest(types);
        }

        @Override
        Size size(Aggregate aggregate, boolean lasting) {
            return new Size(new Cost(1 + 2 * LONG, 0, 0, 1, Times.ONE), Cost.NONE);
        }
    };

    /** How an accumulator gives up the events of a step, which are kept as one entry. */
    enum Stepped {
        /** By the entry's own accumulator over them. */
        BY_PART,
        /** What it keeps is gone by its time alone. */
        BY_TIME,
        /** It needs each event. */
        NEVER
    }

    private static final int LONG = 8;
    /** One value, its time, and whether there is one. */
    private static final Size SINGLE = Size.fixed(1 + LONG, 1);
    /** With their times: every event, at worst. */
    private static final Size CANDIDATES = Size.perEvent(LONG, 1);

    final Stepped stepped;

    Family(Stepped stepped) {
        this.stepped = stepped;
    }

    /** Makes an empty one. {@code place}: a number that no other accumulator of the key has. */
    abstract Supplier<Accumulator> maker(Asked asked, int place);

    /** Of one that is made for this aggregate alone. */
    abstract Size size(Aggregate aggregate, boolean lasting);

    /** What tells apart those of one argument, condition and window. */
    String apart(Asked asked) {
        return "";
    }

    /** What tells accumulators over one window apart. */
    String name(Asked asked) {
        return name() + apart(asked) + " of " + asked.feature().arg() + " where " + asked.feature().where();
    }

    /** Does it keep blocks beside the key's state? */
    boolean hasBlocks() {
        return false;
    }

    private static Supplier<Accumulator> extreme(Asked asked, boolean greatest) {
        Input input = asked.input();
        long grid = asked.window().grid();
        return asked.lasting() ? () -> new Single.Best(input, greatest) : () -> new Extreme(input, greatest, grid);
    }

    private static Supplier<Accumulator> chosen(Asked asked, boolean greatest) {
        Input input = asked.input();
        Input by = asked.by();
        boolean lasting = asked.lasting();
        return () -> new Chosen(input, by, greatest, lasting);
    }

    private static Size chosen(boolean lasting) {
        Cost pick = new Cost(lasting ? 1 + LONG : LONG, 1, 1, 0, Times.ONE);
        return lasting ? new Size(pick, Cost.NONE) : new Size(Cost.NONE, pick);
    }
}
