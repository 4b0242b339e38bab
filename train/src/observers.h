#pragma once

#include "gradus/train/observer.h"

#include <initializer_list>
#include <vector>

namespace gradus::train {

/// Several observers as one, in order; those that are null are passed over.
class Observers final : public Observer {
 public:
  Observers(std::initializer_list<Observer*> list) {
    for (Observer* const observer : list)
      if (observer != nullptr) list_.push_back(observer);
  }
  void before_run(const RunStart& start) override {
    for (Observer* const observer : list_) observer->before_run(start);
  }
  void on_divergence(const Divergence& where) override {
    for (Observer* const observer : list_) observer->on_divergence(where);
  }
  void after_backward(const Step& step) override {
    for (Observer* const observer : list_) observer->after_backward(step);
  }
  void after_step(const Step& step) override {
    for (Observer* const observer : list_) observer->after_step(step);
  }
  /// All are asked; one is enough to end the training.
  bool after_epoch(const EpochRecord& epoch) override {
    bool goes_on = true;
    for (Observer* const observer : list_) goes_on = observer->after_epoch(epoch) && goes_on;
    return goes_on;
  }

 private:
  std::vector<Observer*> list_;
};

}  // namespace gradus::train
