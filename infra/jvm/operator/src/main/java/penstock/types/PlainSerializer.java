package penstock.types;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * A serializer written by hand for one of our classes. Every value begins with a version byte, so that a later version
 * of this module can read what an earlier one wrote. The {@code layout} is the text (a plan's JSON, or nothing) that
 * the format depends on: state of another layout is refused.
 */
public abstract class PlainSerializer<T> extends TypeSerializer<T> {
    private static final long serialVersionUID = 1L;

    private final String layout;

    protected PlainSerializer(String layout) {
        this.layout = layout;
    }

    public final String layout() {
        return layout;
    }

    /** What is written. */
    protected abstract int version();

    /** The oldest version that is read: no release wrote an older one. */
    protected int oldest() {
        return version();
    }

    protected abstract void write(T value, DataOutputView out) throws IOException;

    /** @param version of the writer, from {@link #oldest()} to {@link #version()} */
    protected abstract T read(int version, DataInputView in) throws IOException;

    @Override
    public final void serialize(T value, DataOutputView out) throws IOException {
        out.writeByte(version());
        write(value, out);
    }

    @Override
    public final T deserialize(DataInputView in) throws IOException {
        int version = in.readByte();
        if (version < oldest() || version > version()) {
            throw new IOException(getClass().getSimpleName() + " cannot read version " + version + ", only " + oldest()
                    + " to " + version());
        }
        return read(version, in);
    }

    @Override
    public final T deserialize(T reuse, DataInputView in) throws IOException {
        return deserialize(in);
    }

    @Override
    public final T copy(T from, T reuse) {
        return copy(from);
    }

    @Override
    public final void copy(DataInputView in, DataOutputView out) throws IOException {
        serialize(deserialize(in), out);
    }

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public final int getLength() {
        return -1;
    }

    @Override
    public final T createInstance() {
        return null;
    }

    @Override
    public final boolean equals(Object other) {
        return other != null && other.getClass() == getClass() && ((PlainSerializer<?>) other).layout.equals(layout);
    }

    @Override
    public final int hashCode() {
        return 31 * getClass().hashCode() + layout.hashCode();
    }
}
