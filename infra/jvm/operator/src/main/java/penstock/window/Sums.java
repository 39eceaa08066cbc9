package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.number.HighPowers;
import penstock.number.Moments;
import penstock.number.SquareSum;
import penstock.number.Sum128;
import penstock.plan.Type;

/** Exact sums: sum, mean and, with squares, var and std; with higher powers, skew and kurtosis. */
final class Sums extends Invertible {
    private final Input input;
    /** {@code 10**places}, by which a float64 is made an integer; 0 for int64. */
    private final double scale;

    private long n;
    private final Sum128 first = new Sum128();
    /** Null where neither var nor std is asked for. */
    private final @Nullable SquareSum squares;
    /** Null where neither skew nor kurtosis is asked for. */
    private final @Nullable HighPowers high;

    Sums(Input input, double scale, boolean squares, boolean high) {
        this.input = input;
        this.scale = scale;
        this.squares = squares ? new SquareSum() : null;
        this.high = high ? new HighPowers() : null;
    }

    private long integer(Chunk chunk, int i) {
        long bits = chunk.bits(input.arg(), i);
        return scale == 0 ? bits : (long) Math.rint(Double.longBitsToDouble(bits) * scale);
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (!input.takes(chunk, i)) {
            return;
        }
        long x = integer(chunk, i);
        n++;
        first.add(x);
        if (squares != null) {
            squares.add(x);
        }
        if (high != null) {
            high.add(x);
        }
    }

    @Override
    public void remove(Chunk chunk, int i) {
        if (!input.takes(chunk, i)) {
            return;
        }
        long x = integer(chunk, i);
        n--;
        first.subtract(x);
        if (squares != null) {
            squares.subtract(x);
        }
        if (high != null) {
            high.subtract(x);
        }
    }

    @Override
    public void removeStep(Accumulator part, long end) {
        Sums step = (Sums) part;
        n -= step.n;
        first.subtract(step.first);
        if (squares != null) {
            squares.subtract(step.squares);
        }
        if (high != null) {
            high.subtract(step.high);
        }
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeLong(n);
        first.write(out);
        if (squares != null) {
            squares.write(out);
        }
        if (high != null) {
            high.write(out);
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        n = in.readLong();
        first.read(in);
        if (squares != null) {
            squares.read(in);
        }
        if (high != null) {
            high.read(in);
        }
    }

    @Override
    public Sums copy() {
        Sums copy = new Sums(input, scale, squares != null, high != null);
        copy.n = n;
        copy.first.copyFrom(first);
        if (squares != null) {
            copy.squares.copyFrom(squares);
        }
        if (high != null) {
            copy.high.copyFrom(high);
        }
        return copy;
    }

    /** How many values there are. */
    long count() {
        return n;
    }

    /** Their sum. */
    Sum128 total() {
        return first;
    }

    static Emit sum(Type type, Moments moments) {
        return type == Type.FLOAT64 ? (from, out) -> realSum((Sums) from, moments, out) : Sums::integerSum;
    }

    private static boolean realSum(Sums from, Moments moments, JsonWriter out) {
        out.real(moments.sum(from.first));
        return false;
    }

    private static boolean integerSum(Accumulator from, JsonWriter out) {
        Sum128 sum = ((Sums) from).first;
        if (sum.fitsLong()) {
            out.integer(sum.lo);
            return false;
        }
        out.nothing();
        return true;
    }

    static Emit mean(Moments moments) {
        return (from, out) -> {
            Sums sums = (Sums) from;
            if (sums.n == 0) {
                out.nothing();
            } else {
                out.real(moments.mean(sums.n, sums.first));
            }
            return false;
        };
    }

    static Emit variance(Moments moments, boolean root) {
        return (from, out) -> {
            Sums sums = (Sums) from;
            if (sums.n < 2) {
                out.nothing();
            } else {
                double variance = moments.variance(sums.n, sums.first, sums.squares);
                out.real(root ? Math.sqrt(variance) : variance);
            }
            return false;
        };
    }

    static boolean skewness(Accumulator from, JsonWriter out) {
        Sums sums = (Sums) from;
        return shape(Moments.skewness(sums.n, sums.first, sums.squares, sums.high), out);
    }

    static boolean kurtosis(Accumulator from, JsonWriter out) {
        Sums sums = (Sums) from;
        return shape(Moments.kurtosis(sums.n, sums.first, sums.squares, sums.high), out);
    }

    private static boolean shape(double value, JsonWriter out) {
        if (Double.isNaN(value)) {
            out.nothing();
        } else {
            out.real(value);
        }
        return false;
    }
}
