package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.plan.Order;
import penstock.plan.Type;
import penstock.types.Wire;

/** A table's row: the greatest (time, arguments in order), null below every value. Nothing leaves it. */
final class Latest extends Accumulator {
    private final Type[] types;
    private boolean present;
    private long time;
    private long nulls;
    private long[] bits;
    private @Nullable String[] texts;

    Latest(Type[] types) {
        this.types = types;
        bits = new long[types.length];
        texts = new String[types.length];
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (!present || isGreater(chunk, i)) {
            present = true;
            time = chunk.time(i);
            nulls = chunk.nulls(i);
            for (int a = 0; a < types.length; a++) {
                bits[a] = types[a].isText() ? 0 : chunk.bits(a, i);
                texts[a] = types[a].isText() ? chunk.text(a, i) : null;
            }
        }
    }

    private boolean isGreater(Chunk chunk, int i) {
        if (chunk.time(i) != time) {
            return chunk.time(i) > time;
        }
        for (int a = 0; a < types.length; a++) {
            int sign = compare(chunk, i, a);
            if (sign != 0) {
                return sign > 0;
            }
        }
        return false;
    }

    private int compare(Chunk chunk, int i, int a) {
        boolean newNull = chunk.isNull(a, i);
        if (newNull || isNull(a)) {
            return Boolean.compare(isNull(a), newNull);
        }
        long newBits = types[a].isText() ? 0 : chunk.bits(a, i);
        String newText = types[a].isText() ? chunk.text(a, i) : null;
        return Order.compare(types[a], newBits, newText, bits[a], texts[a]);
    }

    private boolean isNull(int a) {
        return (nulls >>> a & 1) != 0;
    }

    @Override
    public void remove(Chunk chunk, int i) {
        throw new IllegalStateException("a table's window is a lifetime");
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeBoolean(present);
        out.writeLong(time);
        Wire.writeSize(nulls, out);
        for (int a = 0; a < types.length; a++) {
            out.writeLong(bits[a]);
            Wire.writeText(texts[a], out);
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        present = in.readBoolean();
        time = in.readLong();
        nulls = Wire.readSize(in);
        for (int a = 0; a < types.length; a++) {
            bits[a] = in.readLong();
            texts[a] = Wire.readText(in);
        }
    }

    @Override
    public Latest copy() {
        Latest copy = new Latest(types);
        copy.present = present;
        copy.time = time;
        copy.nulls = nulls;
        copy.bits = bits.clone();
        copy.texts = texts.clone();
        return copy;
    }

    static Emit emit(int arg) {
        return (from, out) -> {
            ((Latest) from).emit(arg, out);
            return false;
        };
    }

    private void emit(int a, JsonWriter out) {
        if (!present || isNull(a)) {
            out.nothing();
        } else {
            out.value(types[a], bits[a], texts[a]);
        }
    }
}
