package penstock.route;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.plan.Op;
import penstock.plan.PlanReader;
import penstock.plan.View;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;
import penstock.types.Wire;

/** Events between routing and windows. The layout is the view's plan. */
public final class EventSerializer extends PlainSerializer<Event> {
    private static final long serialVersionUID = 1L;
    private static final int VERSION = 1;
    private static final Op[] OPS = Op.values();

    private static final int GONE = 4;

    private final boolean[] text;
    private final boolean hasOp;
    private final boolean union;

    public EventSerializer(String plan) {
        super(plan);
        View view = PlanReader.read(plan);
        text = view.textArgs();
        hasOp = view.hasOps();
        union = view.isUnion();
    }

    @Override
    protected int version() {
        return VERSION;
    }

    @Override
    protected void write(Event event, DataOutputView out) throws IOException {
        Wire.writeText(event.key, out);
        out.writeLong(event.time);
        Wire.writeText(event.id, out);
        if (union) {
            Wire.writeSize(event.source, out);
        }
        Wire.writeSize(event.partition, out);
        Wire.writeSize(event.offset, out);
        if (hasOp) {
            out.writeByte(event.op.ordinal() | (event.gone ? GONE : 0));
        }
        Wire.writeSize(event.nulls, out);
        Wire.writeSize(event.wheres, out);
        for (int i = 0; i < text.length; i++) {
            if ((event.nulls >>> i & 1) != 0) {
                continue;
            }
            if (text[i]) {
                Wire.writeText(event.texts[i], out);
            } else {
                out.writeLong(event.bits[i]);
            }
        }
    }

    @Override
    protected Event read(int version, DataInputView in) throws IOException {
        Event event = new Event();
        event.key = Wire.readText(in);
        event.time = in.readLong();
        event.id = Wire.readText(in);
        event.source = union ? (int) Wire.readSize(in) : 0;
        event.partition = (int) Wire.readSize(in);
        event.offset = Wire.readSize(in);
        if (hasOp) {
            int op = in.readByte();
            event.op = OPS[op & ~GONE];
            event.gone = (op & GONE) != 0;
        }
        event.nulls = Wire.readSize(in);
        event.wheres = Wire.readSize(in);
        event.bits = new long[text.length];
        event.texts = new String[text.length];
        for (int i = 0; i < text.length; i++) {
            if ((event.nulls >>> i & 1) != 0) {
                continue;
            }
            if (text[i]) {
                event.texts[i] = Wire.readText(in);
            } else {
                event.bits[i] = in.readLong();
            }
        }
        return event;
    }

    /** An event is never changed once it was made. */
    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public Event copy(Event from) {
        return from;
    }

    @Override
    public EventSerializer duplicate() {
        return this;
    }

    @Override
    public TypeSerializerSnapshot<Event> snapshotConfiguration() {
        return new Snapshot(layout());
    }

    /** The layout that a checkpoint keeps. */
    public static final class Snapshot extends PlainSnapshot<Event> {
        public Snapshot() {
            this("");
        }

        Snapshot(String layout) {
            super(layout);
        }

        @Override
        protected PlainSerializer<Event> serializer(String layout) {
            return new EventSerializer(layout);
        }
    }
}
