package penstock.types;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What a checkpoint keeps of a {@link PlainSerializer}: its layout. Subclasses need a public constructor without arguments. */
public abstract class PlainSnapshot<T> implements TypeSerializerSnapshot<T> {
    private static final int VERSION = 1;

    private String layout;

    protected PlainSnapshot(String layout) {
        this.layout = layout;
    }

    protected abstract PlainSerializer<T> serializer(String layout);

    @Override
    public final int getCurrentVersion() {
        return VERSION;
    }

    @Override
    public final void writeSnapshot(DataOutputView out) throws IOException {
        byte[] bytes = layout.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    @Override
    public final void readSnapshot(int version, DataInputView in, ClassLoader loader) throws IOException {
        if (version != VERSION) {
            throw new IOException("unknown snapshot version " + version);
        }
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        layout = new String(bytes, StandardCharsets.UTF_8);
    }

    @Override
    public final TypeSerializer<T> restoreSerializer() {
        return serializer(layout);
    }

    @Override
    public final TypeSerializerSchemaCompatibility<T> resolveSchemaCompatibility(TypeSerializerSnapshot<T> old) {
        boolean same = old.getClass() == getClass() && ((PlainSnapshot<?>) old).layout.equals(layout);
        return same
                ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                : TypeSerializerSchemaCompatibility.incompatible();
    }
}
