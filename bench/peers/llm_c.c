// Training steps of llm.c's GPT-2 124M on random weights and tokens, by the protocol of train.py's workers: one line when warm, then steps on demand.
// llm_c.py compiles it with llm.c's folder in the include path.
#define TESTING
#include "train_gpt2.c"

static uint64_t state = 1337;

static float uniform(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (float)((state * 0x2545F4914F6CDD1Dull) >> 40) / 16777216.0f;
}

static void fill(float* values, size_t count, float deviation) {
    for (size_t i = 0; i < count; i++) {
        values[i] = (uniform() - 0.5f) * 3.4641f * deviation;
    }
}

// llm.c builds models from files only: a header, and a hole for the weights.
static void build(GPT2* model) {
    int header[256] = {20240326, 3, 1024, 50257, 12, 12, 768, 50304};
    char path[] = "/tmp/llm-c-XXXXXX";
    int file = mkstemp(path);
    if (file < 0 || write(file, header, sizeof header) != sizeof header || ftruncate(file, sizeof header + 4ll * 124475904) != 0) {
        perror(path);
        exit(1);
    }
    close(file);
    freopen("/dev/null", "w", stdout);   // what building prints is not part of the protocol
    gpt2_build_from_checkpoint(model, path);
    unlink(path);
    float** tensors = (float**)&model->params;
    for (int i = 0; i < NUM_PARAMETER_TENSORS; i++) {
        fill(tensors[i], model->param_sizes[i], 0.02f);
    }
    float* scales[] = {model->params.ln1w, model->params.ln2w, model->params.lnfw};
    size_t counts[] = {12 * 768, 12 * 768, 768};
    for (int i = 0; i < 3; i++) {
        for (size_t j = 0; j < counts[i]; j++) {
            scales[i][j] = 1;
        }
    }
}

static double step(GPT2* model, int* tokens, int B, int T, int number) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    gpt2_forward(model, tokens, tokens + 1, B, T);
    gpt2_zero_grad(model);
    gpt2_backward(model);
    gpt2_update(model, 1e-4f, 0.9f, 0.999f, 1e-8f, 0.0f, number);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9;
}

int main(int argc, char** argv) {
    int B = atoi(argv[1]), T = atoi(argv[2]), number = 1, steps;
    int* tokens = malloc(sizeof(int) * (B * T + 1));
    FILE* out = fdopen(dup(1), "w");
    GPT2 model;
    build(&model);
    for (int i = 0; i <= B * T; i++) {
        tokens[i] = (int)(uniform() * 50256);
    }
    step(&model, tokens, B, T, number++);
    float loss = model.mean_loss;
    step(&model, tokens, B, T, number++);
    fprintf(out, "{\"parameters\": %zu, \"first_loss\": %f}\n", model.num_parameters, loss);
    fflush(out);
    while (scanf("%d", &steps) == 1) {
        fprintf(out, "{\"seconds\": [");
        for (int i = 0; i < steps; i++) {
            fprintf(out, "%s%f", i > 0 ? ", " : "", step(&model, tokens, B, T, number++));
        }
        fprintf(out, "]}\n");
        fflush(out);
    }
    return 0;
}
