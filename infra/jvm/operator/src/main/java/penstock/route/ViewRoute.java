package penstock.route;

import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import penstock.expr.Eval;
import penstock.expr.ExprCompiler;
import penstock.expr.Overflow;
import penstock.ingest.Bad;
import penstock.ingest.Row;
import penstock.json.JsonWriter;
import penstock.plan.Arg;
import penstock.plan.Column;
import penstock.plan.Expr;
import penstock.plan.Feature;
import penstock.plan.Op;
import penstock.plan.Order;
import penstock.plan.Source;
import penstock.plan.Type;
import penstock.plan.View;

/**
 * What one view makes of a good row of one of its sources: an event, nothing (its filter), or a bad event. Not for use by
 * several threads.
 */
final class ViewRoute {
    private static final double LARGEST = 0x1p53;

    private final Eval filter;
    private final Column[] keys;
    private final int[] keyIndex;
    private final byte[][] keyPrefix;
    private final int place;
    private final int id;
    private final String idPrefix;
    private final @Nullable Type idType;
    private final int op;
    private final Arg[] args;
    private final Eval[] argEvals;
    private final double[] scales;
    private final Eval[] wheres;
    private final TextLimit limit;
    /** Arguments whose texts stand in rows. */
    private final int[] textArgs;
    private final JsonWriter json = new JsonWriter();
    /** Why the last row was bad; null otherwise. */
    private @Nullable Bad bad;

    /** @param place of the source among those of the view */
    ViewRoute(View view, int place) {
        Source source = view.sources().get(place);
        this.place = place;
        idPrefix = view.isUnion() ? place + ":" : "";
        ExprCompiler compiler = new ExprCompiler(source);
        filter = view.filter() == null ? null : compiler.compile(view.filter());
        keys = view.key().stream()
                .sorted(Comparator.comparing(Column::name, Order::compareText))
                .toArray(Column[]::new);
        keyIndex = new int[keys.length];
        keyPrefix = new byte[keys.length][];
        for (int i = 0; i < keys.length; i++) {
            keyIndex[i] = source.index(keys[i].name());
            keyPrefix[i] = prefix(keys[i].name(), i == 0);
        }
        id = source.index(source.id());
        idType = id < 0 ? null : source.columns().get(id).type();
        op = source.index(source.op());
        args = view.args().toArray(Arg[]::new);
        argEvals = compileAll(compiler, view.args().stream().map(Arg::expr).toList());
        scales = view.args().stream().mapToDouble(ViewRoute::scale).toArray();
        wheres = compileAll(compiler, view.wheres());
        limit = new TextLimit(view);
        textArgs = view.features().stream()
                .filter(feature -> feature.type() == Type.STRING)
                .mapToInt(Feature::arg)
                .distinct()
                .sorted()
                .toArray();
    }

    private static byte[] prefix(String name, boolean first) {
        return new JsonWriter().raw(first ? '{' : ',').text(name).raw(':').toBytes();
    }

    // 0 where nothing is to be checked
    private static double scale(Arg arg) {
        return arg.places() < 0 || arg.type() != Type.FLOAT64 ? 0 : Double.parseDouble("1e" + arg.places());
    }

    private static Eval[] compileAll(ExprCompiler compiler, List<Expr> exprs) {
        return exprs.stream().map(compiler::compile).toArray(Eval[]::new);
    }

    Bad bad() {
        return bad;
    }

    /**
     * The row's event; null when the filter leaves it out or, if {@link #bad} says so, when it is bad. Where events
     * change, one that the filter leaves out may have been in before: it is an event, and gone.
     */
    @Nullable Event event(Row row) {
        bad = null;
        try {
            if (op >= 0 && op(row) == Op.DELETE) {
                return checkKey(row) ? gone(row) : null;
            }
            if (filter != null && (filter.bits(row) == 0 || filter.isNull)) {
                return op >= 0 && nullKey(row) < 0 && longKey(row) < 0 ? gone(row) : null;
            }
            return checkKey(row) ? kept(row) : null;
        } catch (Overflow e) {
            bad = new Bad(Bad.OVERFLOW, e.getMessage());
            return null;
        }
    }

    private boolean checkKey(Row row) {
        int missing = nullKey(row);
        if (missing >= 0) {
            bad = new Bad(Bad.MISSING_KEY, keys[missing].name() + " is null");
            return false;
        }
        int tooLong = longKey(row);
        if (tooLong >= 0) {
            bad = tooLong(row.texts[keyIndex[tooLong]]);
        }
        return tooLong < 0;
    }

    private Bad tooLong(String text) {
        int size = TextLimit.size(text);
        return new Bad(Bad.TOO_LONG, "a text of " + size + " bytes, " + limit.bytes + " have room in a row");
    }

    /** The place of a key column whose text has no room in a row, or -1. Not for keys with a null. */
    private int longKey(Row row) {
        for (int i = 0; i < keys.length; i++) {
            if (keys[i].type().isText() && limit.exceeds(row.texts[keyIndex[i]])) {
                return i;
            }
        }
        return -1;
    }

    /** The place of a key column that is null, or -1. */
    private int nullKey(Row row) {
        for (int i = 0; i < keys.length; i++) {
            if (row.nulls[keyIndex[i]]) {
                return i;
            }
        }
        return -1;
    }

    private Op op(Row row) {
        return op < 0 || row.nulls[op] ? Op.INSERT : Op.of(row.texts[op]);
    }

    private @Nullable Event kept(Row row) {
        Event event = new Event();
        arguments(row, event);
        conditions(row, event);
        return inRange(event) && shortEnough(event) ? named(row, event) : null;
    }

    private Event gone(Row row) {
        Event event = new Event();
        event.gone = true;
        event.bits = new long[args.length];
        event.texts = new String[args.length];
        event.nulls = -1L;
        return named(row, event);
    }

    private Event named(Row row, Event event) {
        event.key = key(row);
        event.time = row.time;
        event.id = id(row);
        event.op = op(row);
        event.source = place;
        event.partition = row.partition;
        event.offset = row.offset;
        return event;
    }

    private String key(Row row) {
        json.clear();
        for (int i = 0; i < keys.length; i++) {
            json.raw(keyPrefix[i]);
            json.value(keys[i].type(), row.bits[keyIndex[i]], row.texts[keyIndex[i]]);
        }
        return json.raw('}').toText();
    }

    private @Nullable String id(Row row) {
        if (id < 0 || row.nulls[id]) {
            return null;
        }
        String own = idType.isText() ? row.texts[id] : Long.toString(row.bits[id]);
        return idPrefix.isEmpty() ? own : idPrefix + own;
    }

    private void arguments(Row row, Event event) {
        event.bits = new long[args.length];
        event.texts = new String[args.length];
        for (int i = 0; i < args.length; i++) {
            Eval eval = argEvals[i];
            switch (args[i].type()) {
                case STRING, VECTOR -> event.texts[i] = eval.text(row);
                case FLOAT64 -> event.bits[i] = Double.doubleToRawLongBits(eval.real(row));
                case INT64, BOOL, TIMESTAMP -> event.bits[i] = eval.bits(row);
            }
            event.nulls |= eval.isNull ? 1L << i : 0;
        }
    }

    private void conditions(Row row, Event event) {
        for (int i = 0; i < wheres.length; i++) {
            boolean holds = wheres[i].bits(row) != 0 && !wheres[i].isNull;
            event.wheres |= holds ? 1L << i : 0;
        }
    }

    private boolean shortEnough(Event event) {
        for (int i : textArgs) {
            if ((event.nulls >>> i & 1) == 0 && limit.exceeds(event.texts[i])) {
                bad = tooLong(event.texts[i]);
                return false;
            }
        }
        return true;
    }

    private boolean inRange(Event event) {
        for (int i = 0; i < args.length; i++) {
            if (scales[i] == 0 || (event.nulls >>> i & 1) != 0) {
                continue;
            }
            double value = Double.longBitsToDouble(event.bits[i]);
            if (!(Math.abs(Math.rint(value * scales[i])) < LARGEST)) {
                bad = new Bad(Bad.OUT_OF_RANGE, value + " with " + args[i].places() + " places is not below 2**53");
                return false;
            }
        }
        return true;
    }
}
