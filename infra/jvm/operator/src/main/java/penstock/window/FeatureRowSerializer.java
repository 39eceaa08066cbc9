package penstock.window;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** Rows between the window operator and the sink, which are chained unless somebody forbids it. */
public final class FeatureRowSerializer extends PlainSerializer<FeatureRow> {
    private static final long serialVersionUID = 1L;
    /** 1 was in no release. */
    private static final int VERSION = 2;

    public FeatureRowSerializer() {
        super("");
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(FeatureRow row, DataOutputView out) throws IOException {
        Wire.writeBytes(row.key(), out);
        Wire.writeBytes(row.value(), out);
        Wire.writeSize(row.source(), out);
        Wire.writeSize(row.partition(), out);
        Wire.writeSize(row.offset(), out);
    }

    @Override
    protected FeatureRow read(int version, DataInputView in) throws IOException {
        return new FeatureRow(
                Wire.readBytes(in),
                Wire.readBytes(in),
                (int) Wire.readSize(in),
                (int) Wire.readSize(in),
                Wire.readSize(in));
    }

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public FeatureRow copy(FeatureRow from) {
        return from;
    }

    @Override
    public FeatureRowSerializer duplicate() {
        return this;
    }

    @Override
    public TypeSerializerSnapshot<FeatureRow> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Has no layout. */
    public static final class Snapshot extends PlainSnapshot<FeatureRow> {
        public Snapshot() {
            super("");
        }

        @Override
        protected PlainSerializer<FeatureRow> serializer(String layout) {
            return new FeatureRowSerializer();
        }
    }
}
