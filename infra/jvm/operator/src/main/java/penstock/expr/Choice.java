package penstock.expr;

import penstock.ingest.Row;

/**
 * Conditions and values by turns, and a last value: the value of the first condition that is true. All are evaluated,
 * so that an overflow is found wherever it is.
 */
abstract class Choice extends Eval {
    final Eval[] all;

    Choice(Eval[] all) {
        this.all = all;
    }

    /** Is operand {@code i} a condition that is true? The last operand counts as one. */
    final boolean holds(int i, Row row) {
        return i == all.length - 1 || (all[i].bits(row) == 1 && !all[i].isNull);
    }

    /** The value that goes with operand {@code i}. */
    final Eval value(int i) {
        return all[Math.min(i + 1, all.length - 1)];
    }

    static final class Bits extends Choice {
        Bits(Eval[] all) {
            super(all);
        }

        @Override
        public long bits(Row row) {
            long chosen = 0;
            boolean open = true;
            for (int i = 0; i < all.length; i += 2) {
                boolean taken = holds(i, row) && open;
                long value = value(i).bits(row);
                if (taken) {
                    chosen = value;
                    isNull = value(i).isNull;
                    open = false;
                }
            }
            return chosen;
        }
    }

    static final class Real extends Choice {
        Real(Eval[] all) {
            super(all);
        }

        @Override
        public double real(Row row) {
            double chosen = 0;
            boolean open = true;
            for (int i = 0; i < all.length; i += 2) {
                boolean taken = holds(i, row) && open;
                double value = value(i).real(row);
                if (taken) {
                    chosen = value;
                    isNull = value(i).isNull;
                    open = false;
                }
            }
            return chosen;
        }
    }

    static final class Text extends Choice {
        Text(Eval[] all) {
            super(all);
        }

        @Override
        public String text(Row row) {
            String chosen = null;
            boolean open = true;
            for (int i = 0; i < all.length; i += 2) {
                boolean taken = holds(i, row) && open;
                String value = value(i).text(row);
                if (taken) {
                    chosen = value;
                    isNull = value(i).isNull;
                    open = false;
                }
            }
            return chosen;
        }
    }
}
