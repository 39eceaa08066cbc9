package penstock.ingest;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** Rows between the source and routing, which are chained unless somebody forbids it. */
public final class RowSerializer extends PlainSerializer<Row> {
    private static final long serialVersionUID = 1L;
    private static final int VERSION = 1;

    public RowSerializer() {
        super("");
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(Row row, DataOutputView out) throws IOException {
        Wire.writeBytes(row.raw, out);
        Wire.writeSize(row.partition, out);
        Wire.writeSize(row.offset, out);
        out.writeBoolean(row.bad != null);
        if (row.bad != null) {
            Wire.writeText(row.bad.code(), out);
            Wire.writeText(row.bad.detail(), out);
            return;
        }
        out.writeLong(row.time);
        Wire.writeSize(row.bits.length, out);
        for (int i = 0; i < row.bits.length; i++) {
            out.writeBoolean(row.nulls[i]);
            out.writeLong(row.bits[i]);
            Wire.writeText(row.texts[i], out);
        }
    }

    @Override
    protected Row read(int version, DataInputView in) throws IOException {
        Row row = new Row(Wire.readBytes(in), (int) Wire.readSize(in), Wire.readSize(in));
        if (in.readBoolean()) {
            row.bad = new Bad(Wire.readText(in), Wire.readText(in));
            return row;
        }
        row.time = in.readLong();
        row.room((int) Wire.readSize(in));
        for (int i = 0; i < row.bits.length; i++) {
            row.nulls[i] = in.readBoolean();
            row.bits[i] = in.readLong();
            row.texts[i] = Wire.readText(in);
        }
        return row;
    }

    /** A row is never changed once it was parsed. */
    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public Row copy(Row from) {
        return from;
    }

    @Override
    public RowSerializer duplicate() {
        return this;
    }

    @Override
    public TypeSerializerSnapshot<Row> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Has no layout. */
    public static final class Snapshot extends PlainSnapshot<Row> {
        public Snapshot() {
            super("");
        }

        @Override
        protected PlainSerializer<Row> serializer(String layout) {
            return new RowSerializer();
        }
    }
}
