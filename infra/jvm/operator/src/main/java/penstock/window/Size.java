package penstock.window;

/** The bytes of an accumulator's values: {@code fixed}, and for each event in its window at most {@code perEvent}. */
record Size(Cost fixed, Cost perEvent) {
    /**
     * {@code bytes}, with so many values of the argument, of what it goes by, and of all arguments of the view; all of it
     * {@code times} an aggregate's parameter.
     */
    record Cost(int bytes, int values, int bys, int rows, Times times) {
        static final Cost NONE = new Cost(0, 0, 0, 0, Times.ONE);

        static Cost of(int bytes, int values) {
            return new Cost(bytes, values, 0, 0, Times.ONE);
        }
    }

    /** What there is more than one of. */
    enum Times {
        ONE,
        /** The elements of a list. */
        K,
        /** The bins of a histogram. */
        BINS
    }

    static Size fixed(int bytes, int values) {
        return new Size(Cost.of(bytes, values), Cost.NONE);
    }

    static Size perEvent(int bytes, int values) {
        return new Size(Cost.NONE, Cost.of(bytes, values));
    }

    static Size times(Times times, int bytes, int values) {
        return new Size(new Cost(bytes, values, 0, 0, times), Cost.NONE);
    }
}
