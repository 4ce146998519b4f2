/* The hot path of value.py, once more in C: storing nodes, the operators, the order, the sweep, freeing.

   value.py is the reference, and the one to read. A function here does, bit for bit, what the text of the
   same name does there; what is unusual (a mode, a bool, a division by zero, an error) goes back to that
   text, which `overwrite` keeps. All that is asked of a primitive is its value and its derivatives.

   Three things make it fast. Numbers and partials are C doubles inside the node. The garbage collector is
   told of a node only if what it holds might be part of a cycle. Nodes that die are kept for the next graph.

   State is static, because a number slot such as nb_add is not told its module: the first interpreter that
   imports this has it, and `overwrite` turns away all others, who then have the engine in Python. */

#include <Python.h>
#include <math.h>
#include <structmember.h> /* T_DOUBLE and its like, which Python 3.12 calls Py_T_DOUBLE */

#ifdef Py_GIL_DISABLED
#error "a node's fields are guarded by the lock that this Python is built without: use the engine in Python"
#endif

enum { HAS_DX = 1, HAS_DY = 2, MANY = 4 }; /* MANY: x is a tuple, y the tuple of its partials or NULL */

typedef struct Node {
    PyObject_HEAD
    double data, grad, dx, dy;
    union { PyObject *op; struct Node *next; }; /* next: of the nodes that are dying or spare */
    PyObject *x, *y, *label;                    /* NULL stands for None; the label is a plain str */
    uint64_t mark, flags;
} Node;
static PyTypeObject *Value, *MethodType;
enum { ADD, SUB, MUL, DIV, POW, NEG, OPERATORS };
static const struct { const char *row, *left, *right; } names[OPERATORS] = {
    {"add", "__add__", "__radd__"}, {"sub", "__sub__", "__rsub__"}, {"mul", "__mul__", "__rmul__"},
    {"div", "__truediv__", "__rtruediv__"}, {"power", "__pow__", "__rpow__"}, {"neg", "__neg__", "__neg__"},
};
static PyObject *rows[OPERATORS]; /* the primitives; and what value.py says, for all that is unusual: */
static PyObject *left[OPERATORS], *right[OPERATORS], *text_record, *text_class, *text_method;
static PyObject *modes_dict, *zero, *str_active, *str_listening, *str_value, *str_slopes, *str_variadic, *str_partials;

#define NODE(o) ((Node *)(o))
#define IS_LEAF(n) ((n)->op == NULL || (n)->op == Py_None)
#define IS_VALUE(o) (Py_IS_TYPE(o, Value) || PyType_IsSubtype(Py_TYPE(o), Value))
#define MODES_ACTIVE (PyDict_GetItemWithError(modes_dict, str_active) != zero)
#define HEARD (PyDict_GetItemWithError(modes_dict, str_listening) != zero) /* any mode, also one that changes no operation */

/* ---- life and death ------------------------------------------------------------------------------

   A graph has no cycles, unless somebody's subclass of Value makes one. So the collector, which looks for
   cycles, is told of a node only if it rests on such a one, as CPython does with tuples of plain things. */

static int may_be_in_a_cycle(PyObject *o)
{
    if (o == NULL || PyFloat_CheckExact(o) || PyUnicode_CheckExact(o)) return 0;
    if (Py_IS_TYPE(o, Value)) return PyObject_GC_IsTracked(o);
    if (!PyTuple_CheckExact(o)) return 1;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(o); k++)
        if (PyTuple_GET_ITEM(o, k) != Py_None && may_be_in_a_cycle(PyTuple_GET_ITEM(o, k))) return 1;
    return 0;
}

#ifndef SPARE
#define SPARE 65536 /* a training step's worth, 7 MB: else every step asks the system for its memory again */
#endif
static Node *spare, *dying;
static int spares, freeing;

/* Makes a node, as `_node` does. Takes over the references x and y; op is borrowed. */
static inline PyObject *make(PyObject *op, double data, PyObject *x, double dx, PyObject *y, double dy, int flags)
{
    Node *n = spare;
    if (n != NULL) {
        spare = n->next;
        spares--;
        (void)PyObject_Init((PyObject *)n, Value);
    } else if ((n = PyObject_GC_New(Node, Value)) == NULL) {
        Py_XDECREF(x); Py_XDECREF(y);
        return NULL;
    }
    n->data = data; n->grad = 0.0;
    n->op = Py_XNewRef(op);
    n->x = x; n->dx = dx; n->y = y; n->dy = dy;
    n->label = NULL; n->mark = 0; n->flags = flags;
    if (may_be_in_a_cycle(x) || may_be_in_a_cycle(y)) PyObject_GC_Track(n);
    return (PyObject *)n;
}

static PyObject *node_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    return type == Value ? make(Py_None, 0.0, NULL, 0.0, NULL, 0.0, 0) : type->tp_alloc(type, 0);
}

static int node_traverse(PyObject *self, visitproc visit, void *arg)
{
    Node *n = NODE(self);
    Py_VISIT(Py_TYPE(n)); Py_VISIT(n->op); Py_VISIT(n->x); Py_VISIT(n->y); Py_VISIT(n->label);
    return 0;
}

static int node_clear(PyObject *self)
{
    Node *n = NODE(self);
    n->flags = 0;
    Py_CLEAR(n->x); Py_CLEAR(n->y); Py_CLEAR(n->label);
    return 0;
}

static void node_dealloc(PyObject *self)
{
    Node *n = NODE(self);
    PyObject_GC_UnTrack(self);
    if (!Py_IS_TYPE(self, Value)) { /* of a subclass: Python comes here last, and sees to the depth itself */
        PyTypeObject *type = Py_TYPE(self);
        node_clear(self); Py_CLEAR(n->op);
        type->tp_free(self);
        Py_DECREF(type);
        return;
    }
    Py_XDECREF(n->op);
    n->next = dying;
    dying = n;
    if (freeing) return; /* a graph may be a million deep, so it is freed by the loop of the first to come */
    freeing = 1;
    while ((n = dying) != NULL) {
        PyObject *x = n->x, *y = n->y, *label = n->label;
        dying = n->next;
        if (spares < SPARE) {
            n->next = spare;
            spare = n;
            spares++;
        } else
            PyObject_GC_Del(n);
        Py_DECREF(Value);
        Py_XDECREF(x); Py_XDECREF(y); Py_XDECREF(label);
    }
    freeing = 0;
}

/* ---- what a node shows of itself to the text -------------------------------------------------------- */

static PyObject *get_edge(PyObject *self, void *name)
{
    Node *n = NODE(self);
    char which = *(const char *)name;
    if (which == 'd' && n->flags & HAS_DX) return PyFloat_FromDouble(n->dx);
    if (which == 'e' && n->flags & HAS_DY) return PyFloat_FromDouble(n->dy);
    PyObject *found = which == 'x' ? n->x : which == (n->flags & MANY ? 'd' : 'y') ? n->y : NULL;
    return Py_NewRef(found ? found : Py_None);
}

static int set_edge(PyObject *self, PyObject *nothing, void *Py_UNUSED(name)) /* by `__init__`, to None */
{
    if (nothing != Py_None) {
        PyErr_Format(PyExc_TypeError, "%s: operands are set when a node is made", Py_TYPE(self)->tp_name);
        return -1;
    }
    NODE(self)->flags = 0;
    Py_CLEAR(NODE(self)->x); Py_CLEAR(NODE(self)->y);
    return 0;
}

static PyMemberDef node_members[] = {
    {"op", T_OBJECT_EX, offsetof(Node, op), 0, "The primitive that made this node; None for a leaf."},
    {"_data", T_DOUBLE, offsetof(Node, data), 0, NULL},
    {"_grad", T_DOUBLE, offsetof(Node, grad), 0, NULL},
    {"_label", T_OBJECT_EX, offsetof(Node, label), 0, NULL},
    {"_mark", T_ULONGLONG, offsetof(Node, mark), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyGetSetDef node_getset[] = {
    {"_x", get_edge, set_edge, NULL, (void *)"x"},
    {"_y", get_edge, set_edge, NULL, (void *)"y"},
    {"_dx", get_edge, set_edge, NULL, (void *)"d"},
    {"_dy", get_edge, set_edge, NULL, (void *)"e"},
    {NULL, NULL, NULL, NULL, NULL},
};

/* Value(data): `__init__`, where there is nothing but a float. */
static PyObject *leaf(PyObject *Py_UNUSED(cls), PyObject *const *a, size_t count, PyObject *keywords)
{
    if (PyVectorcall_NARGS(count) == 1 && !keywords && PyFloat_CheckExact(a[0]) && !HEARD)
        return make(Py_None, PyFloat_AS_DOUBLE(a[0]), NULL, 0.0, NULL, 0.0, 0);
    return PyObject_Vectorcall(text_class, a, count, keywords);
}

/* ---- recording ------------------------------------------------------------------------------------- */

/* A float, or an int as a float; NULL for all else, such as an int beyond all floats: the text sees to it. */
static inline PyObject *as_number(PyObject *o)
{
    if (PyFloat_CheckExact(o)) return Py_NewRef(o);
    PyObject *number = PyLong_CheckExact(o) ? PyNumber_Float(o) : NULL;
    if (number == NULL) PyErr_Clear();
    return number;
}

#define MAY_OWE(d, x) ((d) == Py_None || (PyFloat_CheckExact(d) && IS_VALUE(x)))

/* `_node`(op, data, x, dx, y, dy) */
static PyObject *node(PyObject *Py_UNUSED(module), PyObject *const *a, Py_ssize_t count)
{
    if (count != 6) return PyErr_Format(PyExc_TypeError, "_node() takes 6 arguments, got %zd", count);
    PyObject *x = a[2], *dx = a[3], *y = a[4], *dy = a[5];
    int many = PyTuple_CheckExact(x), sound = MAY_OWE(dy, y) && (many || MAY_OWE(dx, x));
    if (many && dx != Py_None) {
        sound = sound && PyTuple_CheckExact(dx) && PyTuple_GET_SIZE(dx) == PyTuple_GET_SIZE(x);
        for (Py_ssize_t k = 0; sound && k < PyTuple_GET_SIZE(x); k++)
            sound = MAY_OWE(PyTuple_GET_ITEM(dx, k), PyTuple_GET_ITEM(x, k));
    }
    if (!sound) return PyErr_Format(PyExc_TypeError, "a derivative is a float, on an edge to a Value: got %R", dx);
    double data = PyFloat_AsDouble(a[1]);
    if (PyErr_Occurred()) return NULL;
    int flags = many ? MANY : (dx != Py_None ? HAS_DX : 0) | (dy != Py_None ? HAS_DY : 0);
    PyObject *second = many ? dx : y;
    return make(a[0], data, x == Py_None ? NULL : Py_NewRef(x), flags & HAS_DX ? PyFloat_AS_DOUBLE(dx) : 0.0,
                second == Py_None ? NULL : Py_NewRef(second), flags & HAS_DY ? PyFloat_AS_DOUBLE(dy) : 0.0, flags);
}

/* `record_primitive`, of one operand. */
static PyObject *record_one(PyObject *op, PyObject *v)
{
    PyObject *made = NULL, *value = PyObject_GetAttr(op, str_value), *slopes = NULL, *slope = NULL;
    PyObject *yx[2] = {NULL, PyFloat_FromDouble(NODE(v)->data)};
    if (value == NULL || yx[1] == NULL || (yx[0] = PyObject_Vectorcall(value, yx + 1, 1, NULL)) == NULL) goto done;
    if ((slopes = PyObject_GetAttr(op, str_slopes)) == NULL) goto done;
    slope = PyTuple_GET_ITEM(slopes, 0);
    slope = slope == Py_None ? Py_NewRef(slope) : PyObject_Vectorcall(slope, yx, 2, NULL);
    if (slope == NULL) goto done;
    double y = PyFloat_AsDouble(yx[0]), dx = slope == Py_None ? 0.0 : PyFloat_AsDouble(slope);
    if (!PyErr_Occurred()) made = make(op, y, Py_NewRef(v), dx, NULL, 0.0, slope == Py_None ? 0 : HAS_DX);
done:
    Py_XDECREF(value); Py_XDECREF(slopes); Py_XDECREF(yx[0]); Py_XDECREF(yx[1]); Py_XDECREF(slope);
    return made;
}

/* `record_primitive`, of more operands: Values and floats. */
static PyObject *record_many(PyObject *op, PyObject *operands, int variadic)
{
    Py_ssize_t count = PyTuple_GET_SIZE(operands);
    PyObject *made = NULL, *value = NULL, *partials = NULL, *y, *d, *rule;
    PyObject *yx = PyList_New(count + 1), *edges = PyTuple_New(count); /* yx: the output, then the numbers */
    int any = 0;
    if (yx == NULL || edges == NULL) goto done;
    for (Py_ssize_t k = 0; k < count; k++) {
        PyObject *x = PyTuple_GET_ITEM(operands, k);
        if ((x = PyFloat_CheckExact(x) ? Py_NewRef(x) : PyFloat_FromDouble(NODE(x)->data)) == NULL) goto done;
        PyList_SET_ITEM(yx, k + 1, x);
    }
    PyObject **items = &PyList_GET_ITEM(yx, 0);
    if ((value = PyObject_GetAttr(op, str_value)) == NULL) goto done;
    if ((y = items[0] = PyObject_Vectorcall(value, items + 1, count, NULL)) == NULL) goto done;
    if ((partials = PyObject_GetAttr(op, variadic ? str_partials : str_slopes)) == NULL) goto done;
    if (variadic) { /* one rule, for all of them */
        PyObject *numbers = PyList_GetSlice(yx, 1, count + 1);
        d = numbers ? PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(partials, 0), y, numbers, NULL) : NULL;
        Py_SETREF(partials, d ? PySequence_Tuple(d) : NULL);
        Py_XDECREF(numbers); Py_XDECREF(d);
        if (partials == NULL) goto done;
    }
    for (Py_ssize_t k = 0; k < count && k < PyTuple_GET_SIZE(partials); k++) {
        rule = PyFloat_CheckExact(PyTuple_GET_ITEM(operands, k)) ? Py_None : PyTuple_GET_ITEM(partials, k);
        d = variadic || rule == Py_None ? Py_NewRef(rule) : PyObject_Vectorcall(rule, items, count + 1, NULL);
        if (d == NULL) goto done;
        any |= d != Py_None;
        PyTuple_SET_ITEM(edges, k, d);
    }
    PyObject *six[6] = {op, y, operands, any ? edges : Py_None, Py_None, Py_None};
    for (int k = 0; k < 2 && count == 2 && !variadic; k++) {
        six[2 + 2 * k] = PyTuple_GET_ITEM(operands, k);
        six[3 + 2 * k] = PyTuple_GET_ITEM(edges, k);
    }
    if (PyTuple_GET_SIZE(partials) == count) made = node(NULL, six, 6);
    else made = PyObject_CallFunctionObjArgs(text_record, op, operands, NULL); /* raises */
done:
    Py_XDECREF(yx); Py_XDECREF(edges); Py_XDECREF(value); Py_XDECREF(partials);
    return made;
}

static PyObject *record_primitive(PyObject *Py_UNUSED(self), PyObject *const *a, Py_ssize_t count, PyObject *names)
{
    if (count != 2 || names != NULL || MODES_ACTIVE || !PyTuple_CheckExact(a[1])) goto by_the_text;
    Py_ssize_t operands = PyTuple_GET_SIZE(a[1]);
    PyObject *x = NULL;
    for (Py_ssize_t k = 0; k < operands; k++)
        if (!PyFloat_CheckExact(x = PyTuple_GET_ITEM(a[1], k)) && !IS_VALUE(x)) goto by_the_text;
    PyObject *variadic = PyObject_GetAttr(a[0], str_variadic);
    if (variadic == NULL) return NULL;
    Py_DECREF(variadic); /* True and False stay */
    if (variadic == Py_True || operands > 1) return record_many(a[0], a[1], variadic == Py_True);
    if (operands && IS_VALUE(x)) return record_one(a[0], x);
by_the_text:
    return PyObject_Vectorcall(text_record, a, count, names);
}

/* The number and the partial on each edge; or 0, for the way by the text. */
static inline int compute(int which, double x, double y, int y_has_edge, double *z, double *dx, double *dy)
{
    double less_one = y - 1.0;
    switch (which) {
    case ADD: *z = x + y; *dx = 1.0; *dy = 1.0; return 1;
    case SUB: *z = x - y; *dx = 1.0; *dy = -1.0; return 1;
    case MUL: *z = x * y; *dx = y; *dy = x; return 1;
    case DIV: *z = x / y; *dx = 1.0 / y; *dy = -(*z / y); return y != 0.0;
    default:
        if (y_has_edge || y == 0.0 || less_one + 1.0 != y || y - less_one != 1.0 || !isfinite(x)) return 0;
        *z = pow(x, y); *dy = pow(x, less_one); *dx = y * *dy;
        return isfinite(*z) && isfinite(*dy); /* where Python raises, the row answers as C does */
    }
}

/* `__add__` and its like; `__radd__` and its like if b alone is a Value. */
static inline PyObject *operate(int which, PyObject *a, PyObject *b)
{
    int left_node = IS_VALUE(a), right_node = !left_node || Py_IS_TYPE(b, Value);
    if (!MODES_ACTIVE) {
        PyObject *x = left_node ? Py_NewRef(a) : as_number(a), *y = right_node ? Py_NewRef(b) : as_number(b);
        if (x != NULL && y != NULL) {
            double u = left_node ? NODE(x)->data : PyFloat_AS_DOUBLE(x), z, dx, dy;
            double v = right_node ? NODE(y)->data : PyFloat_AS_DOUBLE(y);
            int flags = (left_node ? HAS_DX : 0) | (right_node ? HAS_DY : 0);
            if (compute(which, u, v, right_node, &z, &dx, &dy)) return make(rows[which], z, x, dx, y, dy, flags);
        }
        Py_XDECREF(x); Py_XDECREF(y);
    }
    PyObject *both[2] = {left_node ? a : b, left_node ? b : a};
    return PyObject_Vectorcall((left_node ? left : right)[which], both, 2, NULL);
}

static PyObject *node_add(PyObject *a, PyObject *b) { return operate(ADD, a, b); }
static PyObject *node_sub(PyObject *a, PyObject *b) { return operate(SUB, a, b); }
static PyObject *node_mul(PyObject *a, PyObject *b) { return operate(MUL, a, b); }
static PyObject *node_truediv(PyObject *a, PyObject *b) { return operate(DIV, a, b); }

static PyObject *node_pow(PyObject *a, PyObject *b, PyObject *modulus)
{
    if (modulus == Py_None) return operate(POW, a, b);
    if (!IS_VALUE(a)) Py_RETURN_NOTIMPLEMENTED;
    return PyObject_CallFunctionObjArgs(left[POW], a, b, modulus, NULL); /* raises */
}

static PyObject *node_neg(PyObject *a)
{
    if (MODES_ACTIVE) return PyObject_CallOneArg(left[NEG], a);
    return make(rows[NEG], -NODE(a)->data, Py_NewRef(a), -1.0, NULL, 0.0, HAS_DX);
}

/* ---- `_repay` and `sweep` ---------------------------------------------------------------------------- */

typedef struct { Node **items; size_t used, room; } List;

static int push(List *list, Node *n)
{
    if (list->used == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        Node **items = PyMem_Realloc(list->items, room * sizeof(Node *));
        if (items == NULL) { PyErr_NoMemory(); return -1; }
        list->items = items; list->room = room;
    }
    list->items[list->used++] = n;
    return 0;
}

/* A sweep is one call that runs nothing of Python's, so neither a thread nor Ctrl-C comes in between. Its
   marks are greater than all before: `met`, then one for each input, then one for each node and leaf in the
   order, under which `received` has what the node is paid. The order has the leaves in it: they owe nobody. */
typedef struct { uint64_t met, next; List stack, order; double *received; } Sweep;
static uint64_t marks = 1;
#define RECEIVED(x) s->received[NODE(x)->mark - s->met - 1]

static int enlist(Sweep *s, Node *n)
{
    n->mark = s->next++;
    return push(&s->order, n);
}

static int meet(Sweep *s, Node *x)
{
    if (x->mark >= s->met) return 0;
    return IS_LEAF(x) ? enlist(s, x) : push(&s->stack, x);
}

static int in_order(Sweep *s, Node *root)
{
    if (meet(s, root) < 0) return -1;
    while (s->stack.used) {
        Node *n = s->stack.items[s->stack.used - 1];
        if (n->mark >= s->met) {
            s->stack.used--;
            if (n->mark == s->met && enlist(s, n) < 0) return -1;
            continue;
        }
        n->mark = s->met;
        if (n->flags & HAS_DX && meet(s, NODE(n->x)) < 0) return -1;
        if (n->flags & HAS_DY && meet(s, NODE(n->y)) < 0) return -1;
        for (Py_ssize_t k = 0; n->flags & MANY && n->y != NULL && k < PyTuple_GET_SIZE(n->x); k++)
            if (PyTuple_GET_ITEM(n->y, k) != Py_None && meet(s, NODE(PyTuple_GET_ITEM(n->x, k))) < 0) return -1;
    }
    return 0;
}

static int pay_debts(Sweep *s, Node *root)
{
    if (in_order(s, root) < 0) return -1;
    size_t count = (size_t)(s->next - s->met - 1);
    s->received = PyMem_Malloc((count + 1) * sizeof(double));
    if (s->received == NULL) { PyErr_NoMemory(); return -1; }
    for (size_t k = 0; k < count; k++) s->received[k] = -0.0;
    RECEIVED(root) = 1.0;
    for (size_t k = s->order.used; k-- > 0;) {
        Node *n = s->order.items[k];
        double adjoint = RECEIVED(n);
        if (n->flags & HAS_DX) RECEIVED(n->x) += adjoint * n->dx;
        if (n->flags & HAS_DY) RECEIVED(n->y) += adjoint * n->dy;
        for (Py_ssize_t i = 0; n->flags & MANY && n->y != NULL && i < PyTuple_GET_SIZE(n->x); i++)
            if (PyTuple_GET_ITEM(n->y, i) != Py_None)
                RECEIVED(PyTuple_GET_ITEM(n->x, i)) += adjoint * PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(n->y, i));
    }
    return 0;
}

static void end(Sweep *s)
{
    marks = s->next;
    PyMem_Free(s->stack.items); PyMem_Free(s->order.items); PyMem_Free(s->received);
}

static PyObject *repay(PyObject *Py_UNUSED(module), PyObject *root)
{
    Sweep start = {.met = marks, .next = marks + 1}, *s = &start;
    int done = pay_debts(s, NODE(root)) == 0;
    for (size_t k = 0; done && k < s->order.used; k++) {
        Node *n = s->order.items[k];
        n->grad = IS_LEAF(n) ? n->grad + RECEIVED(n) : RECEIVED(n);
    }
    end(s);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *sweep(PyObject *Py_UNUSED(module), PyObject *const *a, Py_ssize_t count)
{
    if (count != 2 || !IS_VALUE(a[0]) || !PyList_CheckExact(a[1]))
        return PyErr_Format(PyExc_TypeError, "sweep() takes a Value and a list of Values");
    Py_ssize_t inputs = PyList_GET_SIZE(a[1]);
    Sweep start = {.met = marks, .next = marks + 1 + inputs}, *s = &start;
    for (Py_ssize_t k = 0; k < inputs; k++) {
        PyObject *x = PyList_GET_ITEM(a[1], k);
        if (!IS_VALUE(x)) return PyErr_Format(PyExc_TypeError, "sweep(): expected a Value, got %R", x);
        NODE(x)->mark = s->met + 1 + k;
    }
    PyObject *adjoints = pay_debts(s, NODE(a[0])) < 0 ? NULL : PyList_New(inputs);
    for (Py_ssize_t k = 0; adjoints != NULL && k < inputs; k++)
        PyList_SET_ITEM(adjoints, k, PyFloat_FromDouble(RECEIVED(PyList_GET_ITEM(a[1], k))));
    int others = 0;
    for (size_t k = 0; k < s->order.used && !others; k++) others = IS_LEAF(s->order.items[k]);
    end(s);
    if (PyErr_Occurred()) Py_CLEAR(adjoints); /* no memory for a float */
    return adjoints == NULL ? NULL : Py_BuildValue("(NO)", adjoints, others ? Py_True : Py_False);
}

/* `exchange`(leaves, numbers, slot, way) */
static PyObject *exchange(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *leaves;
    Py_buffer given;
    int name, way;
    if (!PyArg_ParseTuple(args, "O!w*CC", &PyList_Type, &leaves, &given, &name, &way)) return NULL;
    Py_ssize_t done = 0, count = HEARD ? 0 : Py_MIN(PyList_GET_SIZE(leaves), given.len / 8);
    for (Node *n; done < count; done++) {
        if (!Py_IS_TYPE(n = NODE(PyList_GET_ITEM(leaves, done)), Value) || !IS_LEAF(n)) break;
        double *number = (double *)given.buf + done, *slot = name == 'd' ? &n->data : &n->grad;
        if (way == '>') *number = *slot;
        else *slot = way == '+' ? *slot + *number : *number;
    }
    PyBuffer_Release(&given);
    return PyLong_FromSsize_t(done);
}

/* ---- `_method`: what v.tanh is ---------------------------------------------------------------------- */

typedef struct { PyObject_HEAD PyObject *op, *text, *dict; vectorcallfunc call; } Method;
#define METHOD(o) ((Method *)(o))

static PyObject *method_call(PyObject *self, PyObject *const *a, size_t count, PyObject *keywords)
{
    if (PyVectorcall_NARGS(count) != 1 || keywords != NULL || !IS_VALUE(a[0]) || MODES_ACTIVE)
        return PyObject_Vectorcall(METHOD(self)->text, a, count, keywords);
    return record_one(METHOD(self)->op, a[0]);
}

static PyObject *method_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type))
{
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *method_reduce(PyObject *self, PyObject *Py_UNUSED(nothing)) /* a copy of it is itself */
{
    return PyObject_GetAttrString(self, "__qualname__");
}

static PyMemberDef method_members[] = {
    {"row", T_OBJECT_EX, offsetof(Method, op), 0, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(Method, text), 0, NULL}, /* for inspect.signature */
    {"__dictoffset__", T_PYSSIZET, offsetof(Method, dict), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Method, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyMethodDef method_methods[] = {{"__reduce__", method_reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot method_slots[] = {
    {Py_tp_call, PyVectorcall_Call}, {Py_tp_descr_get, method_get}, {Py_tp_members, method_members},
    {Py_tp_methods, method_methods}, {0, NULL},
};
static PyType_Spec method_spec = { /* not for the collector: a method stays as long as its primitive */
    "autograd_mini.engine.value.method", sizeof(Method), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_HAVE_VECTORCALL, method_slots,
};

static PyObject *method(PyObject *Py_UNUSED(module), PyObject *op)
{
    PyObject *text = PyObject_CallOneArg(text_method, op);
    Method *m = text == NULL ? NULL : METHOD(MethodType->tp_alloc(MethodType, 0));
    if (m == NULL) { Py_XDECREF(text); return NULL; }
    m->op = Py_NewRef(op); m->text = text; m->call = method_call;
    return (PyObject *)m;
}

/* ---- overwrite: what value.py has, by what stands above ---------------------------------------------- */

static PyMethodDef node_methods[] = {
    {"record_primitive", (PyCFunction)(void (*)(void))record_primitive, METH_STATIC | METH_FASTCALL | METH_KEYWORDS, ""},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot node_slots[] = {
    {Py_tp_new, node_new}, {Py_tp_dealloc, node_dealloc}, {Py_tp_traverse, node_traverse},
    {Py_tp_clear, node_clear}, {Py_tp_members, node_members}, {Py_tp_getset, node_getset},
    {Py_tp_methods, node_methods}, {Py_nb_add, node_add}, {Py_nb_subtract, node_sub}, {Py_nb_multiply, node_mul},
    {Py_nb_true_divide, node_truediv}, {Py_nb_power, node_pow}, {Py_nb_negative, node_neg}, {0, NULL},
};
static PyType_Spec node_spec = {
    "autograd_mini.engine.value.Value", sizeof(Node), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, node_slots,
};
static PyObject *overwrite(PyObject *module, PyObject *text);
static PyMethodDef functions[] = {
    {"overwrite", overwrite, METH_O, "Put what is here in the place of what value.py, given as a module, has."},
    {"_node", (PyCFunction)(void (*)(void))node, METH_FASTCALL, NULL},
    {"_repay", repay, METH_O, NULL},
    {"sweep", (PyCFunction)(void (*)(void))sweep, METH_FASTCALL, NULL},
    {"_method", method, METH_O, NULL},
    {"exchange", exchange, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* Gives the class what the text says of it, but for what it has itself. */
static int inherit(PyObject *made, PyObject *cls)
{
    PyObject *own = ((PyTypeObject *)made)->tp_dict, *said = ((PyTypeObject *)cls)->tp_dict, *name, *item;
    for (Py_ssize_t at = 0; PyDict_Next(said, &at, &name, &item);)
        if (!Py_IS_TYPE(item, &PyMemberDescr_Type) &&
            (!PyDict_Contains(own, name) || !PyUnicode_CompareWithASCIIString(name, "__doc__")) &&
            PyObject_SetAttr(made, name, item) < 0) return -1;
    return 0;
}

static PyObject *overwrite(PyObject *Py_UNUSED(module), PyObject *text)
{
    if (Value != NULL) return PyErr_Format(PyExc_ImportError, "another engine of this process runs in C");
    PyObject *cls = PyObject_GetAttrString(text, "Value"), *modes = PyObject_GetAttrString(text, "modes");
    struct { PyObject **to, *from; const char *name; } kept[] = { /* without `from`, the name itself */
        {&text_record, cls, "record_primitive"}, {&text_method, text, "_method"},
        {&text_class, (PyObject *)&PyType_Type, "__call__"}, {&modes_dict, modes, "__dict__"},
        {&str_active, NULL, "active"}, {&str_listening, NULL, "listening"}, {&str_value, NULL, "value"},
        {&str_slopes, NULL, "slopes"}, {&str_variadic, NULL, "variadic"}, {&str_partials, NULL, "partials"},
    };
    if (cls == NULL || modes == NULL || (zero = PyLong_FromLong(0)) == NULL) return NULL;
    for (size_t k = 0; k < Py_ARRAY_LENGTH(kept); k++) {
        PyObject *from = kept[k].from;
        *kept[k].to = from ? PyObject_GetAttrString(from, kept[k].name) : PyUnicode_InternFromString(kept[k].name);
        if (*kept[k].to == NULL) return NULL;
    }
    for (int k = 0; k < OPERATORS; k++)
        if ((rows[k] = PyObject_GetAttrString(text, names[k].row)) == NULL ||
            (left[k] = PyObject_GetAttrString(cls, names[k].left)) == NULL ||
            (right[k] = PyObject_GetAttrString(cls, names[k].right)) == NULL) return NULL;
    MethodType = (PyTypeObject *)PyType_FromSpec(&method_spec);
    PyObject *made = PyType_FromSpecWithBases(&node_spec, ((PyTypeObject *)cls)->tp_bases);
    if (MethodType == NULL || made == NULL || inherit(made, cls) < 0) return NULL;
    text_class = PyMethod_New(text_class, made); /* type.__call__, of this class */
    PyObject *closure = PyFunction_GetClosure(left[ADD]); /* super() there is of the class that there is now */
    if (text_class == NULL || closure == NULL || PyCell_Set(PyTuple_GET_ITEM(closure, 0), made) < 0) return NULL;
    if (PyModule_AddFunctions(text, functions + 1) < 0) return NULL;
    (Value = (PyTypeObject *)made)->tp_vectorcall = leaf;
    Value->tp_name = ((PyTypeObject *)cls)->tp_name; /* without the module, as messages have it */
    return PyObject_SetAttrString(text, "Value", made) < 0 ? NULL : Py_NewRef(Py_None);
}

static struct PyModuleDef module = { /* -1: for one interpreter */
    PyModuleDef_HEAD_INIT, "autograd_mini.engine._node", "The hot path of value.py, in C.", -1, functions,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__node(void) { return PyModule_Create(&module); }
