package penstock.route;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** Dead letters between operators. */
public final class DeadLetterSerializer extends PlainSerializer<DeadLetter> {
    private static final long serialVersionUID = 1L;
    private static final int VERSION = 1;

    public DeadLetterSerializer() {
        super("");
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(DeadLetter letter, DataOutputView out) throws IOException {
        Wire.writeText(letter.source(), out);
        Wire.writeText(letter.view(), out);
        Wire.writeText(letter.error(), out);
        Wire.writeText(letter.detail(), out);
        Wire.writeSize(letter.partition(), out);
        Wire.writeSize(letter.offset(), out);
        Wire.writeBytes(letter.raw(), out);
    }

    @Override
    protected DeadLetter read(int version, DataInputView in) throws IOException {
        return new DeadLetter(
                Wire.readText(in),
                Wire.readText(in),
                Wire.readText(in),
                Wire.readText(in),
                (int) Wire.readSize(in),
                Wire.readSize(in),
                Wire.readBytes(in));
    }

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public DeadLetter copy(DeadLetter from) {
        return from;
    }

    @Override
    public DeadLetterSerializer duplicate() {
        return this;
    }

    @Override
    public TypeSerializerSnapshot<DeadLetter> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Has no layout. */
    public static final class Snapshot extends PlainSnapshot<DeadLetter> {
        public Snapshot() {
            super("");
        }

        @Override
        protected PlainSerializer<DeadLetter> serializer(String layout) {
            return new DeadLetterSerializer();
        }
    }
}
